using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Millpond.Server.Catalog;
using Millpond.Server.Store;

namespace Millpond.Server.Operations;

/// <summary>
/// Whether pulls can be answered from here: the catalog answers. Dead upstreams do not count, since what is cached is served without them;
/// nor does a folder that takes no files, since what is not cached is passed through then.
/// </summary>
public sealed partial class Readiness(DataFolder data, CatalogDatabase catalog, DamagedBlobs damaged, ILogger<Readiness> log)
{
    private readonly Lock writing = new();
    private (string Problem, string Id) logged = ("", "");

    /// <summary>Everything that is wrong, for people; empty when ready.</summary>
    public async ValueTask<IReadOnlyList<string>> FindProblemsAsync()
    {
        var problems = new List<string>();
        if (await catalog.FindTroubleAsync() is { } trouble)
        {
            problems.Add($"The catalog does not answer; this server's log says why (log id {IdOf(trouble)})");
        }

        return problems;
    }

    /// <summary>What keeps it from doing all it should although it serves, for people; empty when nothing does.</summary>
    public string Limitation() => string.Join(
        "; ",
        ((string[])
        [
            data.CheckWritable(out var why) ? "" : $"the data folder cannot be written (log id {IdOf(why)}); pulls of what is not cached are passed through without storing",
            damaged.List().Count is > 0 and var count ? $"{count} pushed blobs were found damaged and are kept aside; this server's log names them" : "",
        ]).Where(part => part.Length > 0));

    /// <summary>Paths are for the log alone; probes come every few seconds, so one line stands for all that find the same.</summary>
    private string IdOf(string problem)
    {
        lock (writing)
        {
            if (logged.Problem == problem)
            {
                return logged.Id;
            }

            logged = (problem, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(3)));
            Log.NotReady(log, problem, logged.Id);
            return logged.Id;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1706, LogLevel.Warning, "{Problem} (log id {Id})")]
        public static partial void NotReady(ILogger logger, string problem, string id);
    }
}
