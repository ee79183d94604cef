using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Millpond.Cli.Files;

namespace Millpond.Cli.Mirrors;

/// <summary>What became of a file.</summary>
internal enum Placement
{
    Written,
    Unchanged,

    /// <summary>It holds again what it held before.</summary>
    PutBack,

    /// <summary>There was none before, so there is none now.</summary>
    Removed,

    /// <summary>There was none before, and somebody has removed it already.</summary>
    AlreadyGone,

    /// <summary>It held that already: a run was cut short.</summary>
    AsBefore,
    TakenOut,
    NothingToDo,

    /// <summary>Someone has changed the file since it was written: left alone.</summary>
    ChangedSince,
}

/// <summary>
/// A file of another program that is written so that it can be put back, byte for byte. What was there before is kept beside it in
/// <c>FILE.millpond</c>, with the digest of what was written, by which later changes of others are noticed.
/// </summary>
internal sealed class PlacedFile(string path)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>What is added to the file's name for the record.</summary>
    public const string RecordSuffix = ".millpond";

    /// <summary>Found out before any file is written, so that of several files in a new folder each knows that it is new.</summary>
    private readonly string[] missingFolders = MissingFolders(FolderOf(Followed(path)));

    /// <summary>The file itself where the path is a link, which stays one.</summary>
    private readonly string target = Followed(path);

    private string RecordPath => path + RecordSuffix;

    /// <summary>What the file held before it was first written; null where there was none.</summary>
    public string? Before => ReadRecord() switch
    {
        { Before: { } before } => Decode(before),
        { } => null,
        _ => ReadIfAny() is { } now ? Decode(now) : null,
    };

    /// <summary>What the file holds now.</summary>
    public string? Now => ReadIfAny() is { } now ? Decode(now) : null;

    public string Path => path;

    /// <summary>How many folders were made for it.</summary>
    public int FoldersMade => ReadRecord()?.Folders.Length ?? 0;

    /// <summary>The cache's origin that was last written.</summary>
    public string? Origin => ReadRecord()?.Origin;

    /// <summary>Whether the file is there and neither what was written nor, after a run that was cut short, what was there before.</summary>
    public bool IsChangedSince => ReadRecord() is { } record && ReadIfAny() is { } now && record.Written != Hash(now)
        && !(record.Before is { } before && before.AsSpan().SequenceEqual(now));

    /// <summary>Writes the file, once it is known what to put back.</summary>
    public Placement Write(string content, string origin, bool force)
    {
        if (Directory.Exists(target))
        {
            throw new IOException($"{path} is a folder; name a file.");
        }

        FileReplacement.RemoveLeftovers(target, RecordPath);
        var record = ReadRecord();
        if (IsChangedSince && !TrySetAside(force))
        {
            return Placement.ChangedSince;
        }

        var bytes = Encoding.UTF8.GetBytes(content);
        if (record is not null && ReadIfAny() is { } now && now.AsSpan().SequenceEqual(bytes))
        {
            return Placement.Unchanged;
        }

        var folders = record?.Folders ?? missingFolders;
        Directory.CreateDirectory(FolderOf(target));
        record = new Record(record is null ? ReadIfAny() : record.Before, Hash(bytes), origin, folders);
        // First what is needed to put it back, then the change.
        Replace(RecordPath, JsonSerializer.SerializeToUtf8Bytes(record, PlacedJson.Default.Record), OwnerOnly);
        Replace(target, bytes);
        return Placement.Written;
    }

    /// <summary>Puts back what was there before, or nothing where nothing was.</summary>
    /// <param name="force">Also where the file was changed since; the changed one is kept as <c>FILE.changed</c>.</param>
    public Placement Remove(bool force)
    {
        FileReplacement.RemoveLeftovers(target, RecordPath);
        if (ReadRecord() is not { } record)
        {
            return Placement.NothingToDo;
        }

        return !IsChangedSince || TrySetAside(force) ? PutBack(record.Before, record) : Placement.ChangedSince;
    }

    /// <summary>What <see cref="Remove"/> would do.</summary>
    public Placement WhatRemoveDoes(bool force) => ReadRecord() switch
    {
        null => Placement.NothingToDo,
        _ when IsChangedSince && !force => Placement.ChangedSince,
        { } record => WhatRemoveDoes(record),
    };

    /// <summary>Replaces a file that was changed since by what it is without the cache, and forgets it.</summary>
    public Placement TakeOut(string remaining)
    {
        Replace(target, Encoding.UTF8.GetBytes(remaining));
        File.Delete(RecordPath);
        return Placement.TakenOut;
    }

    private static string Followed(string file) => new FileInfo(file) is { LinkTarget: not null } link ? link.ResolveLinkTarget(returnFinalTarget: true)!.FullName : file;

    private static string Decode(byte[] bytes) => new StreamReader(new MemoryStream(bytes)).ReadToEnd();

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static void Replace(string file, byte[] content, UnixFileMode? mode = null) => FileReplacement.Write(file, output => output.Write(content), mode);

    private bool TrySetAside(bool force)
    {
        if (force)
        {
            KeptFile.Refuse(path + ".changed");
            Replace(path + ".changed", File.ReadAllBytes(target), OwnerOnly);
        }

        return force;
    }

    private Placement PutBack(byte[]? before, Record record)
    {
        var placement = WhatRemoveDoes(record);
        if (before is not null)
        {
            Replace(target, before);
        }
        else
        {
            File.Delete(target);
        }

        File.Delete(RecordPath);
        // Innermost first, and only while they are empty; never one that the file is not in.
        foreach (var folder in record.Folders.Where(folder =>
            FolderOf(target).StartsWith(folder, StringComparison.Ordinal) && Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any()))
        {
            Directory.Delete(folder);
        }

        return placement;
    }

    private Placement WhatRemoveDoes(Record record) => (record.Before, ReadIfAny()) switch
    {
        (null, null) => Placement.AlreadyGone,
        (null, _) => Placement.Removed,
        ({ } before, { } now) when before.AsSpan().SequenceEqual(now) => Placement.AsBefore,
        _ => Placement.PutBack,
    };

    private static string FolderOf(string file) => System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(file)) ?? "/";

    private static string[] MissingFolders(string folder)
    {
        List<string> missing = [];
        for (; !Directory.Exists(folder); folder = System.IO.Path.GetDirectoryName(folder) ?? "/")
        {
            missing.Add(folder);
        }

        return [.. missing];
    }

    private byte[]? ReadIfAny() => File.Exists(target) ? File.ReadAllBytes(target) : null;

    /// <exception cref="IOException">It is damaged: what was there before is not known.</exception>
    private Record? ReadRecord()
    {
        KeptFile.Refuse(RecordPath);
        try
        {
            return File.Exists(RecordPath) ? JsonSerializer.Deserialize(File.ReadAllBytes(RecordPath), PlacedJson.Default.Record) : null;
        }
        catch (JsonException e)
        {
            throw new IOException($"{RecordPath} is damaged, and with it what {path} held before. Correct {path} yourself and remove {RecordPath}.", e);
        }
    }

    /// <param name="Before">What the file held; null where there was none.</param>
    /// <param name="Written">The digest of what was written.</param>
    /// <param name="Origin">The cache that was written into it.</param>
    /// <param name="Folders">The folders that were made for it, innermost first.</param>
    internal sealed record Record(byte[]? Before, string Written, string Origin, string[] Folders);
}

// By metadata: what is generated for speed writes bytes that are null as an empty text.
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(PlacedFile.Record))]
internal sealed partial class PlacedJson : JsonSerializerContext;
