using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;
using Millpond.Server.Store;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Operations.Cost;

/// <summary>The report of costs put together, with what is written down for it.</summary>
public sealed class CostServices : IAsyncDisposable
{
    private readonly CostConfiguration prices;
    private readonly PullThroughRules rules;
    private readonly BlobStore store;
    private readonly TrafficRecord record;
    private readonly StorageSurvey survey;

    public CostServices(
        CostConfiguration prices, PullThroughRules rules, CatalogDatabase catalog, BlobStore store, TrafficCounts counts, TimeProvider time, ILoggerFactory logs)
    {
        this.prices = prices;
        this.rules = rules;
        this.store = store;
        record = new(catalog.Control.Traffic, counts, time, logs.CreateLogger<TrafficRecord>());
        survey = new(catalog, rules, time, logs.CreateLogger<StorageSurvey>());
    }

    /// <summary>Answers <c>GET /-/cost</c>; with 503 and when to come back where a large catalog was not added up in time.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        if (await survey.GetAsync(context.RequestAborted) is not { } storage)
        {
            context.Response.Headers.RetryAfter = "2";
            await OperationsEndpoints.WriteTextAsync(context, StatusCodes.Status503ServiceUnavailable, "what is stored is being added up; ask again in some seconds\n");
            return;
        }

        var report = new CostReport(prices, storage, await record.ReadAsync(context.RequestAborted), [.. rules.All, .. rules.Former], store.Disk.Limit);
        await OperationsEndpoints.WriteJsonAsync(context, report.Write);
    }

    public async ValueTask DisposeAsync()
    {
        await survey.DisposeAsync();
        await record.DisposeAsync();
    }
}
