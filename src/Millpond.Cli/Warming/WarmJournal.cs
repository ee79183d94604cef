using System.Text.Json;
using System.Text.Json.Serialization;
using Millpond.Cli.Files;

namespace Millpond.Cli.Warming;

/// <summary>
/// What is done, a line for each image, so that an interrupted run goes on where it stopped. Lines for another server or other platforms
/// stay and say nothing here; a line that a crash has cut short is passed over.
/// </summary>
internal sealed class WarmJournal : IDisposable
{
    private const string Beginning = """{"server":""";

    private readonly string path;
    private readonly string server;
    private readonly string platforms;
    private readonly HashSet<string> done;
    private readonly StreamWriter writer;
    private readonly Lock gate = new();

    private WarmJournal(string path, string server, string platforms)
    {
        this.path = path;
        this.server = server;
        this.platforms = platforms;
        KeptFile.Refuse(path);
        var whole = File.Exists(path) ? File.ReadAllText(path) : "";
        // At the end the file is removed, so it must not be anything else. A crash may have cut short what begins it.
        if (!whole.StartsWith(Beginning, StringComparison.Ordinal) && !Beginning.StartsWith(whole, StringComparison.Ordinal))
        {
            throw new InvalidDataException("is no journal of millpond warm; name a file that is one, or none yet");
        }

        done = [.. whole.Split('\n').Select(Read).OfType<Line>().Where(line => line.Server == server && line.Platforms == platforms).Select(line => line.Image)];
        writer = new StreamWriter(KeptFile.Open(path, FileShare.Read)) { AutoFlush = true };
        if (whole.Length > 0 && whole[^1] != '\n')
        {
            writer.WriteLine();
        }
    }

    /// <exception cref="CommandFailedException">The file cannot be written.</exception>
    public static WarmJournal Open(string path, Uri server, PlatformChoice platforms)
    {
        try
        {
            return new WarmJournal(path, server.GetLeftPart(UriPartial.Authority), platforms.ToString());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new CommandFailedException($"--state {path}: {e.Message}", e);
        }
    }

    public bool IsDone(WarmImage image) => done.Contains(Key(image));

    public void Add(WarmImage image)
    {
        lock (gate)
        {
            writer.Write(JsonSerializer.Serialize(new Line(server, platforms, Key(image)), JournalJson.Default.Line) + "\n");
        }
    }

    /// <summary>Ends the run; nothing is left to go on with where everything is warm.</summary>
    public void End(bool allWarm)
    {
        writer.Dispose();
        if (allWarm)
        {
            File.Delete(path);
        }
    }

    public void Dispose() => writer.Dispose();

    private static string Key(WarmImage image) => $"{image.Repository} {image.Name}";

    private static Line? Read(string text)
    {
        try
        {
            return text.Length == 0 ? null : JsonSerializer.Deserialize(text, JournalJson.Default.Line);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    internal sealed record Line(string Server, string Platforms, string Image);
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(WarmJournal.Line))]
internal sealed partial class JournalJson : JsonSerializerContext;
