using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Millpond.Server.Telemetry;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Millpond.Server.Operations;

/// <summary><c>GET /metrics</c>: what was measured, as Prometheus reads it.</summary>
public sealed class MetricsScrape : IDisposable
{
    private readonly MeterProvider provider;

    public MetricsScrape(MillpondMetrics metrics) => provider = Sdk.CreateMeterProviderBuilder()
        .AddMeter(MillpondMetrics.MeterName)
        .AddMeter("System.Runtime")
        // Two servers in one process have a meter of the same name each, and must not count for one another.
        .AddView(instrument => instrument.Meter.Name != MillpondMetrics.MeterName || metrics.Owns(instrument) ? null : MetricStreamConfiguration.Drop)
        .AddPrometheusExporter(options =>
        {
            options.ScopeInfoEnabled = false;
            options.TargetInfoEnabled = false;
            options.ScrapeResponseCacheDurationMilliseconds = 0;
        })
        .Build();

    /// <summary>What answers a scrape, whatever its path.</summary>
    public RequestDelegate Build(IServiceProvider services) =>
        new ApplicationBuilder(services)
            .UseOpenTelemetryPrometheusScrapingEndpoint(provider, _ => true, path: null, configureBranchedPipeline: null, optionsName: null)
            .Build();

    public void Dispose() => provider.Dispose();
}
