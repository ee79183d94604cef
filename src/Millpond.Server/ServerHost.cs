using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Millpond.Server.Access;
using Millpond.Server.Admission;
using Millpond.Server.Cache;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Configuration;
using Millpond.Server.Credentials;
using Millpond.Server.Ecr;
using Millpond.Server.Ecr.CacheRules;
using Millpond.Server.Lifecycle;
using Millpond.Server.Lifecycle.Collection;
using Millpond.Server.Operations;
using Millpond.Server.Operations.Cost;
using Millpond.Server.Push;
using Millpond.Server.Registry;
using Millpond.Server.Registry.Callers;
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
    private readonly bool isPrivate;
    private bool isServing;
    private int stopped;

    private ServerHost(
        ServerConfiguration configuration, TimeProvider time, OwnedParts parts, Action<ILoggingBuilder>? logging, Stream? accessLog)
    {
        this.configuration = configuration;
        this.time = time;
        this.parts = parts;

        listeners = parts.Add(new Listeners(configuration));
        listeners.Bind();
        var data = parts.Add(DataFolder.Open(configuration.Data));
        isPrivate = data.IsPrivate;
        app = parts.Add(WebServer.Build(configuration, listeners, time, logging));
        var logs = app.Services.GetRequiredService<ILoggerFactory>();
        listeners.Certificate = configuration.Tls is { } tls ? parts.Add(CertificateReloader.Open(tls, time, logs.CreateLogger<CertificateReloader>())) : null;
        if (configuration.Admission is { IsOn: true } reviews)
        {
            var files = reviews.Tls ?? parts.Add(SelfSignedCertificate.Open(data.Path, reviews, time, logs.CreateLogger<SelfSignedCertificate>())).Files;
            listeners.AdmissionCertificate = parts.Add(CertificateReloader.Open(files, time, logs.CreateLogger<CertificateReloader>()));
            listeners.AdmissionClients = reviews.ClientAuthority is { } clients ? ClientAuthority.Open(clients, time, logs.CreateLogger<ClientAuthority>()) : null;
        }

        var metrics = parts.Add(new MillpondMetrics());
        // A tenth of a start, and nobody needs it before the last part.
        var scrape = parts.Begin(() => new MetricsScrape(metrics));
        listeners.Limit = url => new ConnectionLimit(url, configuration.Connections, metrics, time, logs.CreateLogger<ConnectionLimit>());
        Observe(metrics);
        var catalog = parts.Add(CatalogDatabase.Open(data.CatalogPath, time, logs.CreateLogger<CatalogDatabase>()));
        var store = BlobStore.Open(data, configuration.Storage);
        var access = parts.Add(AccessServices.OpenAsync(configuration, catalog.Control, data.Path, Path.Join(data.SecretsPath, "key"), logs, time).GetAwaiter().GetResult());
        catalog.NewRepositories.Choose = new CreationTemplates(logs.CreateLogger<CreationTemplates>()).Choose;
        catalog.NewRepositories.AreSet = access.Principals.Forget;
        var vault = new SecretVault(catalog.Control, access.Ring, time);
        var rules = new PullThroughRules(configuration);
        var book = parts.Add(new CacheRuleBook(configuration, rules, catalog.Control));
        book.LoadAsync().GetAwaiter().GetResult();
        var costs = parts.Add(new CostServices(configuration.Cost, rules, catalog, store, metrics.Traffic, time, logs));
        var awsSecrets = parts.Add(AwsSecrets.Open(configuration.AwsSecrets, time, logs.CreateLogger<AwsSecrets>()));
        var credentials = new UpstreamCredentials(vault, awsSecrets);
        cache = parts.Add(new CacheServices(configuration, rules, Connect, store, catalog, time, metrics, logs));
        foreach (var secret in rules.All.Select(rule => rule.Credential?.AwsSecretArn).OfType<string>().Distinct())
        {
            awsSecrets.Begin(secret);
        }

        var gate = new AccessGate(configuration, rules, access);
        var pushes = parts.Add(new PushServices(configuration.Push, store, catalog, time, metrics, logs));
        var lifecycle = parts.Add(new LifecycleServices(configuration.Lifecycle, rules, cache.Guard, catalog, time, metrics, logs));
        Collection = parts.Add(new CollectionServices(configuration.Lifecycle, catalog, store, cache, time, metrics, logs));
        var aws = new AwsEndpoint(
            EcrService.All(new(
                configuration.Ecr, access.Ring, access.Principals, access.Authorizer, access.Tokens, access.Robots, vault, configuration.AwsSecrets.ForRules ? awsSecrets : null, rules, book, cache.PullThrough, pushes, lifecycle, Collection.Pins, catalog, time)),
            access.Principals, access.Authorizer, access.Audit, configuration.PublicUrl, metrics, time, logs.CreateLogger<AwsEndpoint>());
        var registry = new RegistryEndpoints(configuration, rules, cache.PullThrough, pushes, access, gate, catalog, time, metrics);

        var operations = new OperationsEndpoints(() => rules.Configuration, new Readiness(data, catalog, store.Damaged, logs.CreateLogger<Readiness>()), cache.UpstreamStates, time, scrape.Take().Build(app.Services), costs.AnswerAsync);
        var lines = accessLog is null ? null : parts.Add(new AccessLog(accessLog, configuration.Log.FormatOn(isTerminal: false), time));
        var admission = configuration.Admission.IsOn ? AdmissionEndpoint.Create(rules, metrics, logs.CreateLogger<AdmissionEndpoint>()) : null;
        var dispatch = new RequestDispatch(
            registry, operations, !configuration.OperationsListen.IsEmpty, admission, new WelcomePage(() => rules.Configuration), new LoopbackNames(configuration, rules),
            gate, aws, lines, time, logs.CreateLogger<RequestDispatch>());
        WebServer.Use(app, configuration, dispatch);

        UpstreamClient Connect(PullThroughRule rule) => new(rule, credentials, time, logs.CreateLogger<UpstreamClient>());
    }

    /// <summary>What the main listeners are really bound to, in the order of the configuration.</summary>
    public ImmutableArray<Uri> Addresses => listeners.Addresses(ListenerKind.Main);

    /// <summary>Collection, pins and the scrub.</summary>
    internal CollectionServices Collection { get; }

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
        if (logging is null)
        {
            accessLog ??= Console.OpenStandardOutput();
            configuration = configuration with { Log = configuration.Log with { Format = configuration.Log.FormatOn(isTerminal: !Console.IsOutputRedirected) } };
        }

        var parts = new OwnedParts();
        try
        {
            var host = new ServerHost(configuration, time, parts, logging, configuration.Log.Access ? accessLog : null);
            await host.cache.StartAsync();
            await host.ListenAsync(cancellationToken);
            host.Announce();
            return host;
        }
        catch (Exception failure) when (failure is IOException or DataFolderException or CertificateException or AuthorityUnusableException or CatalogUnusableException or KeyUnusableException)
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
            if (isServing)
            {
                Log.Stopped(app.Services.GetRequiredService<ILogger<ServerHost>>(), cache.PartialDownloads());
            }
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
            isServing = true;
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
        if (!isPrivate)
        {
            Log.NotPrivate(log, configuration.Data);
        }

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

        Warn(log);
        if (Addresses is [var address, ..])
        {
            Log.Try(log, FirstSteps.Reference(configuration, FirstSteps.Registry(configuration, address)), address);
        }
    }

    /// <summary>At every start, because what is given up here is given up every day.</summary>
    private void Warn(ILogger log)
    {
        foreach (var rule in configuration.Rules)
        {
            var isPlain = rule.Upstream.Scheme == Uri.UriSchemeHttp && !rule.Upstream.IsLoopback;
            if (rule.IsAuthenticated && (rule.Tls.Insecure || isPlain))
            {
                Log.InsecureCredential(log, rule.Prefix, rule.UpstreamName, rule.Tls.Insecure ? "any certificate is believed (tls.insecure)" : "it is asked by http");
            }
            else if (rule.Tls.Insecure)
            {
                Log.Insecure(log, rule.Prefix, rule.UpstreamName);
            }
        }
    }

    private void Observe(MillpondMetrics metrics)
    {
        metrics.Observe("millpond.connections", null, "Connections open on the listeners for pulls.", () => [new Measurement<long>(listeners.OpenConnections)]);
        metrics.Observe(
            "millpond.build_info", null, "1, with what is running as labels.",
            () => [new Measurement<long>(1, new("version", BuildInfo.Version), new("commit", BuildInfo.Commit), new("framework", BuildInfo.Framework))]);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "listening on {Url} ({Purpose})")]
        public static partial void Listening(ILogger logger, string url, string purpose);

        [LoggerMessage(2, LogLevel.Information, "rule {Prefix}/ pulls from {Upstream} (tier: {Tier})")]
        public static partial void Rule(ILogger logger, string prefix, string upstream, string tier);

        [LoggerMessage(3, LogLevel.Information, "preset {Prefix}/ for {Upstream} is not set up: it needs {Credential}")]
        public static partial void Dormant(ILogger logger, string prefix, string upstream, string credential);

        [LoggerMessage(4, LogLevel.Warning, "rule {Prefix}/ believes any certificate of {Upstream} (tls.insecure): what it pulls may be anybody's. Name the authority in tls.ca instead")]
        public static partial void Insecure(ILogger logger, string prefix, string upstream);

        [LoggerMessage(5, LogLevel.Warning, "rule {Prefix}/ sends what lets it in at {Upstream} to whoever answers in its place: {Why}. Use https, and name the authority in tls.ca")]
        public static partial void InsecureCredential(ILogger logger, string prefix, string upstream, string why);

        [LoggerMessage(6, LogLevel.Information, "ready; try: docker pull {Reference}, or open {Address} in a browser")]
        public static partial void Try(ILogger logger, string reference, Uri address);

        [LoggerMessage(7, LogLevel.Information, "stopped, {Partial} downloads kept")]
        public static partial void Stopped(ILogger logger, int partial);

        [LoggerMessage(8, LogLevel.Warning, "others on this machine may be able to read what {Data} holds: some of it is another user's. Give all of it to this server's user: chown -R")]
        public static partial void NotPrivate(ILogger logger, string data);
    }
}
