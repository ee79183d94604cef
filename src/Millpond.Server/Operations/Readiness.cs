using Millpond.Server.Catalog;
using Millpond.Server.Store;

namespace Millpond.Server.Operations;

/// <summary>
/// Whether pulls can be answered from here: the catalog answers and the data folder can be written. Dead upstreams do not count, since
/// what is cached is served without them.
/// </summary>
public sealed class Readiness(DataFolder data, CatalogDatabase catalog)
{
    /// <summary>Everything that is wrong, for people; empty when ready.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        if (!catalog.Answers(out var why))
        {
            problems.Add($"The catalog does not answer: {why}");
        }

        if (!data.CheckWritable(out why))
        {
            problems.Add(why);
        }

        return problems;
    }
}
