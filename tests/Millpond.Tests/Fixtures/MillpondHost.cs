using System.Net.Http.Headers;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server;
using Millpond.Server.Configuration;

namespace Millpond.Tests.Fixtures;

/// <summary>What a test wants otherwise than usual.</summary>
public sealed record MillpondHostOptions
{
    /// <summary>The server's clock; a fake one stands still until the test moves it.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>A data folder that outlives the server; null for one of its own.</summary>
    public TemporaryFolder? Data { get; init; }

    /// <summary>The last word on the configuration.</summary>
    public Func<ServerConfiguration, ServerConfiguration> Configure { get; init; } = configuration => configuration;

    /// <summary>Whether a log line of level Error is no failure.</summary>
    public bool AllowErrors { get; init; }
}

/// <summary>The real server in this process, on loopback over a folder of its own.</summary>
public sealed class MillpondHost : IAsyncDisposable
{
    private readonly MillpondHostOptions options;
    private readonly TemporaryFolder data;
    private readonly ServerConfiguration configuration;
    private readonly SocketsHttpHandler transport = new() { AllowAutoRedirect = false, MaxConnectionsPerServer = int.MaxValue };
    private ServerHost server = null!;

    private MillpondHost(IEnumerable<PullThroughRule> rules, MillpondHostOptions options)
    {
        this.options = options;
        data = options.Data ?? new TemporaryFolder();
        configuration = options.Configure(new ServerConfiguration
        {
            Listen = [new("http://127.0.0.1:0")],
            Data = data.File("data"),
            Rules = [.. rules],
            Log = new LogConfiguration(LogLevel.Debug),
        });
        Client = new HttpClient(transport) { Timeout = Patience.Limit };
    }

    public Uri Address => server.Addresses[0];

    public ServerHost Server => server;

    /// <summary>Everything the server keeps.</summary>
    public string DataFolder => configuration.Data;

    /// <summary>Follows no redirect.</summary>
    public HttpClient Client { get; }

    public CollectedLog Log { get; } = new();

    /// <summary>Starts with one rule: <c>up/</c> pulls from the upstream.</summary>
    public static Task<MillpondHost> StartAsync(FakeUpstream upstream, MillpondHostOptions? options = null) => StartAsync([Rule("up", upstream)], options);

    public static async Task<MillpondHost> StartAsync(IEnumerable<PullThroughRule> rules, MillpondHostOptions? options = null)
    {
        var host = new MillpondHost(rules, options ?? new MillpondHostOptions());
        try
        {
            await host.ServeAsync();
            return host;
        }
        catch
        {
            host.Release();
            throw;
        }
    }

    public static PullThroughRule Rule(string prefix, FakeUpstream upstream) => Rule(prefix, upstream.Address);

    public static PullThroughRule Rule(string prefix, Uri upstream) => new() { Prefix = prefix, UpstreamName = upstream.Authority, Upstream = upstream };

    /// <summary>Stops in good order and starts again over the same data.</summary>
    public async Task RestartAsync()
    {
        await server.DisposeAsync();
        await ServeAsync();
    }

    public Task<HttpResponseMessage> ManifestAsync(string repository, string reference, HttpMethod? method = null, string? cacheControl = null) =>
        SendAsync(method, $"/v2/{repository}/manifests/{reference}", cacheControl, range: null);

    /// <summary>Returns at the headers; the caller reads the body.</summary>
    public Task<HttpResponseMessage> BlobAsync(string repository, Digest digest, string? range = null, HttpMethod? method = null, string? cacheControl = null) =>
        SendAsync(method, $"/v2/{repository}/blobs/{digest}", cacheControl, range);

    /// <summary>Pulls as a container runtime does, down to every blob of every child, and checks each digest.</summary>
    public async Task PullAsync(string repository, TestImage image, string? tag = null)
    {
        using var response = await ManifestAsync(repository, tag ?? image.Digest.ToString());
        var content = await response.Content.ReadAsByteArrayAsync();
        Assert.True(response.IsSuccessStatusCode, $"{repository}:{tag ?? image.Digest.ToString()} was answered {(int)response.StatusCode}: {Text(content)}");
        Assert.Equal(image.Digest, image.Digest.Rehash(content));
        foreach (var blob in image.Blobs)
        {
            using var answer = await BlobAsync(repository, blob.Digest);
            var bytes = await answer.Content.ReadAsByteArrayAsync();
            Assert.True(answer.IsSuccessStatusCode, $"{blob.Digest} was answered {(int)answer.StatusCode}: {Text(bytes)}");
            Assert.Equal(blob.Digest, blob.Digest.Rehash(bytes));
        }

        foreach (var child in image.Children)
        {
            await PullAsync(repository, child);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        Release();

        var errors = Log.Lines.Where(line => line.Level >= LogLevel.Error).ToList();
        Assert.True(options.AllowErrors || errors.Count == 0, "The server logged what no test expected:\n" + string.Join('\n', errors));
    }

    private void Release()
    {
        Client.Dispose();
        transport.Dispose();
        if (options.Data is null)
        {
            data.Dispose();
        }
    }

    private static string Text(byte[] content) => System.Text.Encoding.UTF8.GetString(content.AsSpan(0, Math.Min(content.Length, 2000)));

    private async Task ServeAsync()
    {
        server = await ServerHost.StartAsync(configuration, options.Time, logging => logging.AddProvider(Log), TestContext.Current.CancellationToken);
    }

    private Task<HttpResponseMessage> SendAsync(HttpMethod? method, string path, string? cacheControl, string? range)
    {
        var request = new HttpRequestMessage(method ?? HttpMethod.Get, new Uri(Address, path));
        request.Headers.Add("Accept", "*/*");
        request.Headers.CacheControl = cacheControl is null ? null : CacheControlHeaderValue.Parse(cacheControl);
        request.Headers.Range = range is null ? null : RangeHeaderValue.Parse(range);
        return Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }
}
