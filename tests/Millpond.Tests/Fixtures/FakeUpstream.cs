using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;
using Millpond.Images;

namespace Millpond.Tests.Fixtures;

/// <summary>A real registry on loopback that counts what it is asked and can misbehave on command.</summary>
public sealed class FakeUpstream : IAsyncDisposable
{
    private static readonly Lazy<Socket> Refusing = new(BindWithoutListening);

    private readonly FakeUpstreamOptions options;
    private readonly WebApplication application;
    private readonly UpstreamContents contents = new();
    private readonly UpstreamJournal journal = new();
    private readonly ArmedFaults faults = new();
    private readonly UpstreamAuthenticator authenticator;
    private readonly UpstreamBodies bodies;
    private readonly UpstreamRegistry registry;
    private readonly ConcurrentDictionary<string, ConnectionContext> connections = new(StringComparer.Ordinal);
    private readonly List<ListenOptions> listeners = [];
    private int accepted;

    private FakeUpstream(FakeUpstreamOptions options)
    {
        this.options = options;
        authenticator = new UpstreamAuthenticator(options, contents, faults);
        bodies = new UpstreamBodies(options, journal, faults);
        registry = new UpstreamRegistry(options, contents, faults, authenticator, bodies);
        application = Build();
    }

    /// <summary>An address of this machine at which nobody listens.</summary>
    public static Uri RefusedAddress { get; } = new($"http://127.0.0.1:{((IPEndPoint)Refusing.Value.LocalEndPoint!).Port}");

    /// <summary>A host that no DNS knows (RFC 6761).</summary>
    public static Uri UnknownHost { get; } = new("http://registry.invalid");

    /// <summary>The registry's own origin.</summary>
    public Uri Address => AddressOf(0);

    public Uri BlobHost => AddressOf(1);

    /// <summary>The origin of the token service.</summary>
    public Uri TokenService => options.TokenServiceElsewhere ? AddressOf(2) : Address;

    /// <summary>Connections accepted so far.</summary>
    public int Connections => accepted;

    /// <summary>Bytes per second of each body, by the upstream's clock; null for as fast as it goes. On the real clock for heavy tests only.</summary>
    public long? Rate
    {
        get => bodies.Rate;
        set => bodies.Rate = value;
    }

    /// <summary>The credential that counts from now on.</summary>
    public (string Username, string Password) Credential
    {
        get => authenticator.Credential;
        set => authenticator.Credential = value;
    }

    public static async Task<FakeUpstream> StartAsync(FakeUpstreamOptions? options = null)
    {
        var upstream = new FakeUpstream(options ?? new FakeUpstreamOptions());
        await upstream.application.StartAsync();
        upstream.authenticator.Realm = upstream.options.TokenRealm ?? new Uri(upstream.TokenService, "/token");
        upstream.registry.BlobHost = upstream.BlobHost;
        return upstream;
    }

    /// <summary>Puts an image with everything in it into a repository.</summary>
    public void Add(string repository, TestImage image, params string[] tags)
    {
        foreach (var child in image.Children)
        {
            Add(repository, child);
        }

        foreach (var blob in image.Blobs)
        {
            AddBlob(repository, blob);
        }

        AddManifest(repository, image.Manifest, tags);
    }

    public void AddBlob(string repository, TestBlob blob) => contents.AddBlob(repository, blob);

    /// <summary>Answers every question for the digest with other bytes.</summary>
    public void AddLie(string repository, Digest digest, TestBlob instead) => contents.AddLie(repository, digest, instead);

    public void AddManifest(string repository, TestManifest manifest, params string[] tags)
    {
        contents.AddManifest(repository, manifest, keepFallbackTag: !options.ReferrersApi);
        foreach (var tag in tags)
        {
            Tag(repository, tag, manifest.Digest);
        }
    }

    public void Tag(string repository, string tag, Digest digest) => contents.Tag(repository, tag, digest);

    public void RemoveTag(string repository, string tag) => contents.RemoveTag(repository, tag);

    public void RemoveManifest(string repository, Digest digest) => contents.RemoveManifest(repository, digest);

    public void RemoveBlob(string repository, Digest digest) => contents.RemoveBlob(repository, digest);

    /// <summary>From now on only a token got with the credential reads the repository.</summary>
    public void MakePrivate(string repository)
    {
        if (options.Authentication != UpstreamAuthentication.Bearer)
        {
            throw new InvalidOperationException("Only an upstream with tokens has private repositories beside public ones.");
        }

        contents.MakePrivate(repository);
    }

    public void RevokeTokens() => authenticator.RevokeTokens();

    /// <summary>Misbehaves at the next requests that fit, oldest order first.</summary>
    public ArmedFault Arm(
        UpstreamFault fault, int times = 1, string? repository = null, string? reference = null, RequestKind? kind = null, Action? then = null) =>
        faults.Add(new ArmedFault(fault, times) { Repository = repository, Reference = reference, Kind = kind, Then = then });

    /// <summary>As soon as the tag's HEAD was answered, it names another manifest.</summary>
    public ArmedFault MoveTagAfterHead(string repository, string tag, Digest digest) =>
        Arm(UpstreamFault.TagMovesAfterHead, 1, repository, tag, RequestKind.Manifest, () => Tag(repository, tag, digest));

    public void DisarmAll() => faults.DisarmAll();

    /// <summary>Parks every body of the blob before this offset until the gate is opened.</summary>
    public Gate Park(Digest digest, long after)
    {
        var gate = new Gate(after);
        bodies.AddGate(digest.ToString(), gate);
        return gate;
    }

    /// <summary>Breaks every connection, and each new one at once: the upstream is gone, its port is not.</summary>
    public void GoDown()
    {
        bodies.IsDown = true;
        foreach (var connection in connections.Values)
        {
            connection.Abort();
        }
    }

    public void ComeBack() => bodies.IsDown = false;

    public IReadOnlyList<UpstreamRequest> Requests(RequestKind? kind = null) =>
        [.. journal.All.Where(request => kind is null || request.Kind == kind)];

    public long BytesSentOf(Digest digest) =>
        journal.All.Where(request => request.Reference == digest.ToString()).Sum(request => request.BytesSent);

    public void ClearRequests() => journal.Clear();

    public void AssertNoRequests() => Assert.True(journal.All.Count == 0, "The upstream was asked:\n" + journal.Describe());

    public void AssertRequests(int expected, RequestKind kind)
    {
        var count = Requests(kind).Count;
        Assert.True(count == expected, $"{expected} requests of kind {kind} were expected, {count} came:\n{journal.Describe()}");
    }

    /// <summary>Ends when at least so many requests have arrived.</summary>
    public Task WhenRequestsReach(int count, RequestKind? kind = null) =>
        journal.WhenAsync(all => all.Count(request => kind is null || request.Kind == kind) >= count, $"{count} requests of kind {kind?.ToString() ?? "any"}");

    /// <summary>Ends when every request has been answered or has been given up.</summary>
    public Task WhenIdle() => journal.WhenAsync(all => all.All(request => request.HasEnded), "all requests to end");

    /// <summary>Ends when so many bytes of the blob were handed to connections.</summary>
    public Task WhenBytesSent(Digest digest, long count) =>
        journal.WhenAsync(
            all => all.Where(request => request.Reference == digest.ToString()).Sum(request => request.BytesSent) >= count, $"{count} bytes of {digest}");

    public async ValueTask DisposeAsync()
    {
        faults.DisarmAll();
        bodies.OpenGates();
        GoDown();
        await application.StopAsync(new CancellationToken(canceled: true));
        await application.DisposeAsync();
    }

    private static Socket BindWithoutListening()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private Uri AddressOf(int listener) => new($"{(options.Tls is null ? "http" : "https")}://127.0.0.1:{listeners[listener].IPEndPoint!.Port}");

    private WebApplication Build()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            for (var i = 0; i < 3; i++)
            {
                kestrel.Listen(IPAddress.Loopback, 0, Listen);
            }
        });
        var built = builder.Build();
        built.Run(HandleAsync);
        return built;
    }

    private void Listen(ListenOptions listener)
    {
        listeners.Add(listener);
        listener.Use(next => connection => FollowAsync(next, connection));
        if (options.Tls is { } authority)
        {
            listener.UseHttps(authority.Issue([.. options.Names]), https =>
            {
                https.ClientCertificateMode = options.ClientCertificate ? ClientCertificateMode.RequireCertificate : ClientCertificateMode.NoCertificate;
                https.ClientCertificateValidation = (certificate, _, _) => certificate.Issuer == "CN=A test's authority";
            });
        }
    }

    private async Task FollowAsync(ConnectionDelegate next, ConnectionContext connection)
    {
        Interlocked.Increment(ref accepted);
        connections[connection.ConnectionId] = connection;
        if (bodies.IsDown)
        {
            connection.Abort();
        }
        else
        {
            await next(connection);
        }

        connections.TryRemove(connection.ConnectionId, out _);
    }

    private async Task HandleAsync(HttpContext context)
    {
        var isBlobHost = context.Connection.LocalPort == BlobHost.Port;
        var request = isBlobHost ? UpstreamRoutes.DescribeBlobHost(context) : UpstreamRoutes.Describe(context);
        journal.Add(request);
        try
        {
            await registry.AnswerAsync(context, request);
        }
        catch (OperationCanceledException)
        {
            context.Abort();
        }
        finally
        {
            request.Status = context.Response.StatusCode;
            request.HasEnded = true;
            journal.Changed();
        }
    }
}
