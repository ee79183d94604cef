using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Millpond.Rewriting.Records;

/// <summary>
/// What a rewriting changed, so that it can be taken back to the byte: several spellings become one reference (<c>bash</c>,
/// <c>docker.io/bash</c>, <c>index.docker.io/library/bash</c>), and only a record knows which it was.
/// </summary>
public sealed record RewriteRecord(int Version, string Registry, ImmutableArray<RecordedFile> Files)
{
    public const int CurrentVersion = 1;

    /// <summary>
    /// This record and what a later run changed. Of a file that was changed again both steps are kept, in order; what is known of a file
    /// that has become another in between is of no more use.
    /// </summary>
    public RewriteRecord With(IEnumerable<RecordedFile> later)
    {
        var files = Files.ToList();
        foreach (var file in later)
        {
            var last = files.LastOrDefault(known => known.Path == file.Path);
            if (last is not null && last.After != file.Before)
            {
                files.RemoveAll(known => known.Path == file.Path);
            }

            files.Add(file);
        }

        return this with { Files = [.. files] };
    }

    public void Save(Stream output)
    {
        JsonSerializer.Serialize(output, this, RecordJson.Default.RewriteRecord);
        output.WriteByte((byte)'\n');
    }

    /// <exception cref="FormatException">It is not a record of this version.</exception>
    public static RewriteRecord Load(Stream input)
    {
        try
        {
            var record = JsonSerializer.Deserialize(input, RecordJson.Default.RewriteRecord);
            return record switch
            {
                null or { Files.IsDefault: true } => throw new FormatException("The record is not one that rewrite --record wrote."),
                { Version: not CurrentVersion } => throw new FormatException($"The record is of version {record.Version}; this program reads version {CurrentVersion}."),
                _ when record.Files.Any(file => file is null || file.Path.Length == 0 || file.Path.Contains('\0')) => throw new FormatException("The record has a file without a path."),
                _ when record.Files.Any(file => !IsOrdered(file.Edits)) => throw new FormatException("The record has edits that do not follow each other."),
                _ => record,
            };
        }
        catch (JsonException e)
        {
            throw new FormatException($"The record is not one that rewrite --record wrote: {e.Message}", e);
        }
    }

    // As they were made: each behind the other, each of some text.
    private static bool IsOrdered(EditCollection edits)
    {
        var end = 0L;
        foreach (var edit in edits)
        {
            if (edit.Offset < end || (edit.Original.Length == 0 && edit.Replacement.Length == 0))
            {
                return false;
            }

            end = edit.Offset + Encoding.UTF8.GetByteCount(edit.Original);
        }

        return true;
    }
}

/// <summary>One rewriting of one file.</summary>
/// <param name="Path">As it was given.</param>
/// <param name="Edits">In the file's order.</param>
public sealed record RecordedFile(string Path, FileState Before, FileState After, EditCollection Edits);

/// <summary>A file's content at one time.</summary>
public sealed record FileState(long Length, string Sha256);

/// <summary>One stretch that was changed.</summary>
/// <param name="Place">Where it is in the document's structure.</param>
/// <param name="Offset">In bytes from the start of the file as it was.</param>
public sealed record RecordedEdit(int Line, string Place, long Offset, string Original, string Replacement);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectRequiredConstructorParameters = true,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(RewriteRecord))]
internal sealed partial class RecordJson : JsonSerializerContext;
