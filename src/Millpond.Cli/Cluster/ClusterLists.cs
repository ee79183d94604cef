using System.Net;
using System.Text.Json;
using Millpond.Rewriting.Coverage;

namespace Millpond.Cli.Cluster;

/// <summary>Lists kinds page by page. What may not be read is told, not taken for empty.</summary>
internal sealed class ClusterLists(ClusterConnection connection, string? inNamespace)
{
    /// <summary>kubectl's own page.</summary>
    private const int PageSize = 500;

    /// <summary>After so many lists whose continue token ran out, one in a single piece.</summary>
    private const int MostRestarts = 3;

    /// <summary>Reads every item of a kind; null, or why it cannot be read.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="begin">Called before the first item, also when the list begins again: what was read before does not count.</param>
    /// <param name="item">Called for each item.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="CommandFailedException">The API server does not answer, or knows nobody by this login.</exception>
    public async Task<NotRead?> ReadAsync(ClusterKind kind, Action begin, Action<JsonElement> item, CancellationToken cancellationToken)
    {
        for (var restarts = 0; ; restarts++)
        {
            begin();
            using var failed = await ReadPagesAsync(kind, item, restarts < MostRestarts ? PageSize : 0, cancellationToken);
            switch (failed)
            {
                case null:
                    return null;
                case { IsGone: true } when restarts < MostRestarts:
                    continue;
                case { Status: HttpStatusCode.Unauthorized }:
                    throw new CommandFailedException($"The API server at {connection.Server} does not accept the login: {failed.Why}");
                default:
                    begin();
                    return new NotRead(kind.Name, failed.Why);
            }
        }
    }

    private async Task<ClusterAnswer?> ReadPagesAsync(ClusterKind kind, Action<JsonElement> item, int limit, CancellationToken cancellationToken)
    {
        var next = "";
        do
        {
            var query = limit == 0 ? "" : $"?limit={limit}{(next.Length == 0 ? "" : $"&continue={Uri.EscapeDataString(next)}")}";
            var page = await ClusterAnswer.GetAsync(connection, kind.ListPath(inNamespace) + query, cancellationToken);
            if (page.Document is not { } document)
            {
                return page;
            }

            using (page)
            {
                if (document.RootElement.TryGetProperty("items", out var items) && items.ValueKind == JsonValueKind.Array)
                {
                    foreach (var found in items.EnumerateArray())
                    {
                        item(found);
                    }
                }

                next = document.RootElement.TryGetProperty("metadata", out var metadata) && metadata.TryGetProperty("continue", out var token)
                    ? token.GetString() ?? ""
                    : "";
            }
        }
        while (next.Length > 0);
        return null;
    }
}
