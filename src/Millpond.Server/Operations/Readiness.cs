using Millpond.Server.Catalog;

namespace Millpond.Server.Operations;

/// <summary>
/// Whether pulls can be answered from here: the catalog answers and the data folder can be written. Dead upstreams do not count, since
/// what is cached is served without them.
/// </summary>
public sealed class Readiness(string dataFolder, CatalogDatabase catalog)
{
    /// <summary>Everything that is wrong, for people; empty when ready.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        if (!catalog.Answers(out var why))
        {
            problems.Add($"The catalog does not answer: {why}");
        }

        if (WriteProblem() is { } problem)
        {
            problems.Add($"The data folder {dataFolder} cannot be written: {problem}");
        }

        return problems;
    }

    private string? WriteProblem()
    {
        var probe = Path.Join(dataFolder, $".ready-{Guid.NewGuid():N}");
        try
        {
            using (new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose))
            {
                return null;
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return failure.Message;
        }
    }
}
