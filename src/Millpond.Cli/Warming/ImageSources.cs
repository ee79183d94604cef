using System.Text.Json;
using Millpond.Cli.Editing;
using Millpond.Cli.Files;
using Millpond.Images;
using Millpond.Rewriting.Edits;
using Millpond.Rewriting.Places;

namespace Millpond.Cli.Warming;

/// <summary>Reads the images that files name: manifests and all else that can be rewritten, reports of coverage, plain lists.</summary>
internal sealed class ImageSources(FileRewriter finder, Streams streams)
{
    /// <summary>Places where a name without a tag gets one later.</summary>
    private static readonly PlaceKind[] TagComesLater = [PlaceKind.Values, PlaceKind.NewName];

    private static readonly string[] TagComesLaterWords = [.. TagComesLater.Select(kind => kind.Word())];

    public IEnumerable<NamedImage> FromFiles(string[] paths) => FileVerb.Select(paths, streams).Files.SelectMany(FromFile);

    /// <summary>The images of a report, as they are written in what was reported on.</summary>
    /// <exception cref="CommandFailedException">The file is no report.</exception>
    public static IEnumerable<NamedImage> FromCoverage(FileInfo file)
    {
        try
        {
            using var input = InputFile.Open(file.FullName);
            using var json = JsonDocument.Parse(input);
            return [.. json.RootElement.GetProperty("images").EnumerateArray().Select(image => new NamedImage(
                image.GetProperty("reference").GetString() ?? "",
                file.Name,
                image.TryGetProperty("places", out var places) && places.EnumerateArray().All(IsFilledInLater)))];
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new CommandFailedException($"--coverage {file}: not a report of 'millpond coverage --format json': {e.Message}", e);
        }
    }

    /// <summary>The lines of a list; empty ones and what follows a # at a line's beginning are passed over.</summary>
    /// <exception cref="CommandFailedException">A line is no reference.</exception>
    public IEnumerable<NamedImage> FromList(string path)
    {
        using var reader = new StreamReader(Open(path));
        var named = new List<NamedImage>();
        var mistakes = new List<string>();
        for (var line = 1; reader.ReadLine() is { } text; line++)
        {
            var reference = text.Trim();
            if (reference.Length == 0 || reference[0] == '#')
            {
                continue;
            }

            named.Add(new NamedImage(reference, $"{path}:{line}", TagComesLater: false));
            if (!ImageReference.TryParse(reference, out _))
            {
                mistakes.Add($"{path}:{line}: '{reference}' is not an image reference.");
            }
        }

        return mistakes.Count == 0 ? named : throw new CommandFailedException(string.Join('\n', mistakes));
    }

    // A file may name one image many times.
    private IEnumerable<NamedImage> FromFile(string file)
    {
        var images = new Dictionary<(string Reference, bool TagComesLater), NamedImage>();
        using var input = Open(file);
        var faults = FileVerb.Guard(file, () => finder.Rewrite(file, input, null, found =>
        {
            // What is only named, or may be no image, is not pulled unasked.
            if (found.IsMention || (found.Kind == PlaceKind.Text && !found.IsChanged))
            {
                return;
            }

            var tagComesLater = TagComesLater.Contains(found.Kind);
            images.TryAdd((found.Reference, tagComesLater), new NamedImage(found.Reference, $"{found.File}:{found.Line}", tagComesLater));
        }));
        foreach (var fault in faults)
        {
            streams.Messages.WriteLine($"{fault.File}:{fault.Line}: passed over, cannot be read: {fault.What}");
        }

        return images.Values;
    }

    private static bool IsFilledInLater(JsonElement place) =>
        place.TryGetProperty("kind", out var kind) && TagComesLaterWords.Contains(kind.GetString());

    private Stream Open(string file)
    {
        try
        {
            return file == FileSelection.StandardInput ? streams.Input() : InputFile.Open(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"{file}: {e.Message}", e);
        }
    }
}
