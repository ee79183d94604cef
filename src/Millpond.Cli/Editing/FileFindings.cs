using Millpond.Cli.Files;
using Millpond.Rewriting.Edits;
using Millpond.Rewriting.Records;

namespace Millpond.Cli.Editing;

/// <summary>What is in a short file, found before its turn to be told.</summary>
/// <param name="Before">The file as it is, where that is to be recorded.</param>
/// <param name="After">As it becomes.</param>
internal sealed record FileFindings(IReadOnlyList<FoundReference> Found, IReadOnlyList<FileFault> Faults, FileState? Before, FileState? After)
{
    /// <summary>What a longer file has is told as it is found, or it would have to be held.</summary>
    private const long LongLength = 1 << 20;

    /// <summary>
    /// The files with what is in them, in order: short ones are read on all cores ahead of their turn. Null for those that are to be read when their
    /// turn comes: long ones, standard input, and what can be read but once.
    /// </summary>
    /// <param name="files">The files.</param>
    /// <param name="rewriter">Finds what is in them; it serves several threads.</param>
    /// <param name="fingerprints">Whether their states are wanted.</param>
    public static IEnumerable<(string File, FileFindings? Findings)> Of(IReadOnlyList<string> files, FileRewriter rewriter, bool fingerprints = false) =>
        SideBySide.Of(files, file => (file, TryRead(file, rewriter, fingerprints)), files.Count == 1 ? 1 : Environment.ProcessorCount);

    private static FileFindings? TryRead(string file, FileRewriter rewriter, bool fingerprints) => FileVerb.Guard(file, () =>
    {
        if (file == FileSelection.StandardInput || FileFacts.Of(file).Kind != FileKind.Regular)
        {
            return null;
        }

        using var input = InputFile.Open(file);
        return input.Length < LongLength ? Read(file, input, rewriter, fingerprints) : null;
    });

    private static FileFindings Read(string file, Stream input, FileRewriter rewriter, bool fingerprints)
    {
        using var before = fingerprints ? new FingerprintStream(input) : null;
        using var after = fingerprints ? new FingerprintStream(null) : null;
        var found = new List<FoundReference>();
        var faults = rewriter.Rewrite(file, before ?? input, after, found.Add);
        return new FileFindings(found, faults, before?.State(), after?.State());
    }
}
