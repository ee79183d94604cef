using System.Collections.Immutable;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
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
    private readonly WebApplication app;
    private readonly CacheServices cache;
    private readonly Listeners listeners;
    private readonly Stack<object> owned;
    private int stopped;

    private ServerHost(ServerConfiguration configuration, TimeProvider time, WebApplication app, CacheServices cache, Listeners listeners, Stack<object> owned)
    {
        this.configuration = configuration;
        this.time = time;
        this.app = app;
        this.cache = cache;
        this.listeners = listeners;
        this.owned = owned;
    }

    /// <summary>What the main listeners are really bound to, in the order of the configuration.</summary>
    public ImmutableArray<Uri> Addresses => listeners.Addresses(ListenerKind.Main);

    public ImmutableArray<Uri> OperationsAddresses => listeners.Addresses(ListenerKind.Operations);

    public ImmutableArray<Uri> RuleAddresses => listeners.Addresses(ListenerKind.Rule);

    /// <summary>Starts to serve. No upstream is asked for it, so that it works with all of them dead.</summary>
    /// <param name="logging">Where the log goes; null for the standard output.</param>
    /// <param name="accessLog">Where access lines go; null for the standard output, or nowhere where <paramref name="logging"/> is given.</param>
    /// <exception cref="ServerStartException">The data folder, the certificate or a listener cannot be had.</exception>
    public static async Task<ServerHost> StartAsync(
        ServerConfiguration configuration, TimeProvider time, Action<ILoggingBuilder>? logging, CancellationToken cancellationToken, Stream? accessLog = null)
    {
        var owned = new Stack<object>();
        try
        {
            var data = Own(owned, DataFolder.Open(configuration.Data));
            var listeners = new Listeners(configuration);
            var app = Own(owned, BuildWebServer(configuration, listeners, time, logging));
            var loggers = app.Services.GetRequiredService<ILoggerFactory>();
            if (configuration.Tls is { } tls)
            {
                listeners.Certificate = Own(owned, CertificateReloader.Open(tls, time, loggers.CreateLogger<CertificateReloader>()));
            }

            var metrics = Own(owned, new MillpondMetrics());
            var catalog = Own(owned, CatalogDatabase.Open(data.CatalogPath, time, loggers.CreateLogger<CatalogDatabase>()));
            var rules = new PullThroughRules(configuration);
            var store = BlobStore.Open(data, configuration.Storage);
            store.StartWith(catalog.TotalBlobBytes());
            var credentials = new UpstreamCredentials();
            UpstreamClient Connect(PullThroughRule rule) => new(rule, credentials, time, loggers.CreateLogger<UpstreamClient>());
            var cache = Own(owned, new CacheServices(configuration, rules, Connect, store, catalog, time, metrics, loggers));
            var registry = new RegistryEndpoints(configuration, rules, cache.PullThrough, catalog, time, metrics);

            var scrape = Own(owned, new MetricsScrape(metrics));
            var readiness = new Readiness(data, catalog);
            var operations = new OperationsEndpoints(configuration, readiness, cache.UpstreamStates, time, scrape.Build(app.Services));
            var access = AccessOutput(configuration, logging, accessLog) is { } output ? Own(owned, new AccessLog(output, configuration.Log.Format, time)) : null;
            var dispatch = new RequestDispatch(
                registry, operations, !configuration.OperationsListen.IsEmpty, access, time, loggers.CreateLogger<RequestDispatch>());
            BuildPipeline(app, configuration, dispatch);

            await app.StartAsync(cancellationToken);
            var host = new ServerHost(configuration, time, app, cache, listeners, owned);
            host.Announce(loggers.CreateLogger<ServerHost>());
            return host;
        }
        catch (Exception failure)
        {
            await DisposeAsync(owned);
            throw failure is IOException or DataFolderException or CertificateException or CatalogUnusableException ? new ServerStartException(failure.Message, failure) : failure;
        }
    }

    /// <summary>Serves until cancelled, then stops as <see cref="StopAsync"/> does.</summary>
    public async Task RunUntilShutdownAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await StopAsync();
    }

    /// <summary>Takes no more requests, lets running ones end within the grace, then ends them.</summary>
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
        await DisposeAsync(owned);
    }

    private static WebApplication BuildWebServer(ServerConfiguration configuration, Listeners listeners, TimeProvider time, Action<ILoggingBuilder>? logging)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        ServerLogging.Quieten(builder.Logging, configuration.Log);
        if (logging is null)
        {
            ServerLogging.WriteToConsole(builder.Logging, configuration.Log, time);
        }
        else
        {
            logging(builder.Logging);
        }

        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = Timeout.InfiniteTimeSpan);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(listeners.Configure);
        return builder.Build();
    }

    private static void BuildPipeline(WebApplication app, ServerConfiguration configuration, RequestDispatch dispatch)
    {
        if (!configuration.TrustedProxies.IsEmpty)
        {
            var options = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.All & ~ForwardedHeaders.XForwardedPrefix, ForwardLimit = null };
            options.KnownProxies.Clear();
            options.KnownIPNetworks.Clear();
            foreach (var network in configuration.TrustedProxies)
            {
                options.KnownIPNetworks.Add(network);
            }

            app.UseForwardedHeaders(options);
        }

        app.Run(dispatch.InvokeAsync);
    }

    private static Stream? AccessOutput(ServerConfiguration configuration, Action<ILoggingBuilder>? logging, Stream? given)
    {
        if (!configuration.Log.Access)
        {
            return null;
        }

        return given ?? (logging is null ? Console.OpenStandardOutput() : null);
    }

    private static T Own<T>(Stack<object> owned, T part)
        where T : class
    {
        owned.Push(part);
        return part;
    }

    private static async ValueTask DisposeAsync(Stack<object> owned)
    {
        while (owned.TryPop(out var part))
        {
            if (part is IAsyncDisposable later)
            {
                await later.DisposeAsync();
            }
            else
            {
                ((IDisposable)part).Dispose();
            }
        }
    }

    private void Announce(ILogger log)
    {
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

    /// <summary>Signals are the program's business, not the library's.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
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
