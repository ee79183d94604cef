using System.Collections.Immutable;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Millpond.Server.Admission;
using Millpond.Server.Cache;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Credentials;
using Millpond.Server.Operations;
using Millpond.Server.Registry;
using Millpond.Server.Rules;
using Millpond.Server.Store;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;

namespace Millpond.Server;

/// <summary>The whole server, put together by hand in the order in which its parts need each other.</summary>
public sealed partial class ServerHost : IAsyncDisposable
{
    private readonly ServerConfiguration configuration;
    private readonly TimeProvider time;
    private readonly OwnedParts parts;
    private readonly WebApplication app;
    private readonly Listeners listeners;
    private readonly CacheServices cache;
    private int stopped;

    private ServerHost(
        ServerConfiguration configuration, TimeProvider time, OwnedParts parts, Action<ILoggingBuilder>? logging, Stream? accessLog)
    {
        this.configuration = configuration;
        this.time = time;
        this.parts = parts;

        var data = parts.Add(DataFolder.Open(configuration.Data));
        listeners = new Listeners(configuration);
        app = parts.Add(WebServer.Build(configuration, listeners, time, logging));
        var logs = app.Services.GetRequiredService<ILoggerFactory>();
        listeners.Certificate = configuration.Tls is { } tls ? parts.Add(CertificateReloader.Open(tls, time, logs.CreateLogger<CertificateReloader>())) : null;
        if (configuration.Admission is { IsOn: true } reviews)
        {
            var files = reviews.Tls ?? parts.Add(SelfSignedCertificate.Open(data.Path, reviews, time, logs.CreateLogger<SelfSignedCertificate>())).Files;
            listeners.AdmissionCertificate = parts.Add(CertificateReloader.Open(files, time, logs.CreateLogger<CertificateReloader>()));
        }

        var metrics = parts.Add(new MillpondMetrics());
        var catalog = parts.Add(CatalogDatabase.Open(data.CatalogPath, time, logs.CreateLogger<CatalogDatabase>()));
        var store = BlobStore.Open(data, configuration.Storage);
        var rules = new PullThroughRules(configuration);
        var credentials = new UpstreamCredentials();
        cache = parts.Add(new CacheServices(configuration, rules, Connect, store, catalog, time, metrics, logs));
        var registry = new RegistryEndpoints(configuration, rules, cache.PullThrough, catalog, time, metrics);

        var scrape = parts.Add(new MetricsScrape(metrics));
        var operations = new OperationsEndpoints(configuration, new Readiness(data, catalog), cache.UpstreamStates, time, scrape.Build(app.Services));
        var access = accessLog is null ? null : parts.Add(new AccessLog(accessLog, configuration.Log.Format, time));
        var admission = configuration.Admission.IsOn ? AdmissionEndpoint.Create(configuration, metrics, logs.CreateLogger<AdmissionEndpoint>()) : null;
        var dispatch = new RequestDispatch(
            registry, operations, !configuration.OperationsListen.IsEmpty, admission, access, time, logs.CreateLogger<RequestDispatch>());
        WebServer.Use(app, configuration, dispatch);

        UpstreamClient Connect(PullThroughRule rule) => new(rule, credentials, time, logs.CreateLogger<UpstreamClient>());
    }

    /// <summary>What the main listeners are really bound to, in the order of the configuration.</summary>
    public ImmutableArray<Uri> Addresses => listeners.Addresses(ListenerKind.Main);

    public ImmutableArray<Uri> OperationsAddresses => listeners.Addresses(ListenerKind.Operations);

    public ImmutableArray<Uri> RuleAddresses => listeners.Addresses(ListenerKind.Rule);

    public ImmutableArray<Uri> AdmissionAddresses => listeners.Addresses(ListenerKind.Admission);

    /// <summary>Starts to serve. No upstream is asked for it, so that it works with all of them dead.</summary>
    /// <param name="logging">Where the log goes; null for the standard output.</param>
    /// <param name="accessLog">Where access lines go; null for the standard output, or nowhere where <paramref name="logging"/> is given.</param>
    /// <exception cref="ServerStartException">The data folder, the certificate or a listener cannot be had.</exception>
    public static async Task<ServerHost> StartAsync(
        ServerConfiguration configuration, TimeProvider time, Action<ILoggingBuilder>? logging, CancellationToken cancellationToken, Stream? accessLog = null)
    {
        accessLog ??= logging is null ? Console.OpenStandardOutput() : null;
        var parts = new OwnedParts();
        try
        {
            var host = new ServerHost(configuration, time, parts, logging, configuration.Log.Access ? accessLog : null);
            await host.ListenAsync(cancellationToken);
            host.Announce();
            return host;
        }
        catch (Exception failure) when (failure is IOException or DataFolderException or CertificateException or AuthorityUnusableException or CatalogUnusableException)
        {
            await parts.DisposeAsync();
            throw new ServerStartException(failure.Message, failure);
        }
        catch
        {
            await parts.DisposeAsync();
            throw;
        }
    }

    /// <summary>Serves until cancelled, then stops as <see cref="StopAsync"/> does.</summary>
    public async Task RunUntilShutdownAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await StopAsync();
    }

    /// <summary>Takes no more requests; running ones and the fills they read end within the grace, or are ended; partial downloads are kept.</summary>
    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref stopped, 1) == 0)
        {
            using var grace = new CancellationTokenSource(configuration.ShutdownGrace, time);
            await Task.WhenAll(app.StopAsync(grace.Token), cache.DrainAsync(configuration.ShutdownGrace));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await parts.DisposeAsync();
    }

    private async Task ListenAsync(CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (Exception failure) when (failure is IOException or SocketException)
        {
            var wanted = string.Join(", ", listeners.Wanted);
            throw new ServerStartException(
                $"Cannot listen on {wanted}: {failure.Message.TrimEnd('.')}. Stop what listens there, or choose other addresses with 'listen', 'listeners', 'operations.listen' or --listen.",
                failure);
        }
    }

    private void Announce()
    {
        var log = app.Services.GetRequiredService<ILogger<ServerHost>>();
        foreach (var (url, purpose) in listeners.Describe())
        {
            Log.Listening(log, url, purpose);
        }

        foreach (var rule in configuration.Rules)
        {
            Log.Rule(log, rule.Prefix, rule.UpstreamName, RulesReport.Text(rule.Tier));
        }

        foreach (var preset in configuration.DormantPresets)
        {
            Log.Dormant(log, preset.Prefix, preset.UpstreamName, preset.Credential);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "listening on {Url} ({Purpose})")]
        public static partial void Listening(ILogger logger, string url, string purpose);

        [LoggerMessage(2, LogLevel.Information, "rule {Prefix}/ pulls from {Upstream} (tier: {Tier})")]
        public static partial void Rule(ILogger logger, string prefix, string upstream, string tier);

        [LoggerMessage(3, LogLevel.Information, "preset {Prefix}/ for {Upstream} is not set up: it needs {Credential}")]
        public static partial void Dormant(ILogger logger, string prefix, string upstream, string credential);
    }
}
