using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration.Values;

namespace Millpond.Cli.Warming;

/// <summary>A manifest, or why there is none.</summary>
internal sealed record ManifestAnswer(ManifestDocument? Document, string? Failure);

/// <summary>
/// Pulls through the server as a client does, a bounded number at once, marked as warm-up. What may pass is tried again; what the server
/// asks to wait for is waited for, within a bound.
/// </summary>
internal sealed class CacheClient : IDisposable
{
    private const int BlockSize = 128 * 1024;
    private const int MostTries = 4;

    /// <summary>More than a cold pull may take until its first byte (30 s), or until a stalled upstream is given up (5 tries of 30 s).</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(4);

    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(1);

    private readonly SocketsHttpHandler transport;
    private readonly HttpClient client;
    private readonly SemaphoreSlim slots;
    private readonly UpstreamPatience patience;
    private readonly ServerAccess server;
    private readonly TimeProvider time;

    public CacheClient(ServerAccess server, WarmSettings settings, TimeProvider time)
    {
        this.server = server;
        this.time = time;
        transport = server.CreateHandler();
        transport.AllowAutoRedirect = false;
        client = new HttpClient(transport) { Timeout = Timeout.InfiniteTimeSpan };
        slots = new SemaphoreSlim(settings.Parallel);
        patience = new UpstreamPatience(settings.MaxWait, time);
    }

    /// <summary>Told of every wait, from several tasks at once.</summary>
    public Action<WarmImage, WarmWait>? Waits { get; set; }

    public async Task<ManifestAnswer> GetManifestAsync(WarmImage image, string name, CancellationToken cancellationToken)
    {
        ManifestDocument? document = null;
        var failure = await AskAsync(image, image.Rule, () => Request($"{image.Repository}/manifests/{name}"), ReadAsync, cancellationToken);
        return new ManifestAnswer(failure is null ? document : null, failure);

        async Task<Attempt> ReadAsync(HttpResponseMessage response, CancellationTokenSource silence)
        {
            var content = await response.Content.ReadAsByteArrayAsync(silence.Token);
            if (Digest.TryParse(name, out var digest) && digest != digest.Rehash(content))
            {
                return Attempt.Again("the server's bytes are not what the digest says");
            }

            document = ManifestDocument.TryParse(content, response.Content.Headers.ContentType?.ToString() ?? "");
            return document is null ? Attempt.Final("the manifest is not JSON") : Attempt.Done;
        }
    }

    /// <summary>Whether the cache holds the blob's bytes. HEAD would not do: it answers also from what a manifest says of a blob.</summary>
    public async Task<bool> HasBlobAsync(WarmImage image, Digest digest, CancellationToken cancellationToken)
    {
        var found = false;
        await AskAsync(
            image,
            null,
            () =>
            {
                var request = Request($"{image.Repository}/blobs/{digest}");
                request.Headers.CacheControl = new CacheControlHeaderValue { OnlyIfCached = true };
                request.Headers.Range = new RangeHeaderValue(0, 0);
                return request;
            },
            (response, _) =>
            {
                // An empty blob has no first byte.
                found = response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable;
                return Task.FromResult(Attempt.Done);
            },
            cancellationToken);
        return found;
    }

    /// <summary>Pulls a blob, which stays in the cache; its bytes are checked and forgotten here.</summary>
    /// <param name="received">Told of every block, also of those of a try that fails.</param>
    public async Task<(string? Failure, long Bytes)> PullBlobAsync(WarmImage image, Digest digest, Action<long> received, CancellationToken cancellationToken)
    {
        var bytes = 0L;
        var failure = await AskAsync(image, image.Rule, () => Request($"{image.Repository}/blobs/{digest}"), ReadAsync, cancellationToken);
        return (failure, failure is null ? bytes : 0);

        async Task<Attempt> ReadAsync(HttpResponseMessage response, CancellationTokenSource silence)
        {
            received(-bytes);
            bytes = 0;
            await using var body = await response.Content.ReadAsStreamAsync(silence.Token);
            using var hash = IncrementalHash.CreateHash(digest.Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);
            var block = ArrayPool<byte>.Shared.Rent(BlockSize);
            try
            {
                while (await body.ReadAsync(block, silence.Token) is > 0 and var count)
                {
                    silence.CancelAfter(Silence);
                    hash.AppendData(block, 0, count);
                    bytes += count;
                    received(count);
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(block);
            }

            return Digest.FromHash(digest.Algorithm, hash.GetHashAndReset()) == digest
                ? Attempt.Done
                : Attempt.Again("the server's bytes are not what the digest says");
        }
    }

    public void Dispose()
    {
        client.Dispose();
        transport.Dispose();
        slots.Dispose();
    }

    private HttpRequestMessage Request(string path)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server.Url, $"/v2/{path}"));
        request.Headers.Add("Millpond-Priority", "warm-up");
        request.Headers.Accept.ParseAdd(string.Join(", ", CacheProbe.ManifestTypes));
        return request;
    }

    /// <summary>Asks until it is answered or given up; null, or why it was.</summary>
    /// <param name="image">What it is about.</param>
    /// <param name="rule">Whose upstream may have to be waited for; null for what no upstream is asked.</param>
    private async Task<string?> AskAsync(
        WarmImage image,
        string? rule,
        Func<HttpRequestMessage> request,
        Func<HttpResponseMessage, CancellationTokenSource, Task<Attempt>> read,
        CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            var attempt = await TryAsync(rule, request, read, cancellationToken);
            switch (attempt.Next)
            {
                case Next.Nothing:
                    return attempt.Failure;
                case Next.Again when tries >= MostTries:
                    return $"{attempt.Failure} ({MostTries} tries)";
                case Next.Again:
                    var delay = FirstDelay * Math.Pow(2, tries - 1);
                    Waits?.Invoke(image, new WarmWait(attempt.Failure ?? "", delay, TimeSpan.Zero, null));
                    await Task.Delay(delay, time, cancellationToken);
                    break;
                case Next.Wait when !patience.MayWait(rule ?? "", attempt.Wait):
                    var waited = TimeSpan.FromSeconds(Math.Round(patience.Waited(rule ?? "").TotalSeconds));
                    return $"{attempt.Failure} (waited {Duration.Format(waited)} for it, and {Duration.Format(attempt.Wait)} more would be longer than --max-wait {Duration.Format(patience.Bound)})";
                case Next.Wait:
                    Waits?.Invoke(image, new WarmWait(attempt.Failure ?? "", attempt.Wait, patience.Waited(rule ?? ""), patience.Bound));
                    await Task.Delay(attempt.Wait, time, cancellationToken);
                    tries = 0;
                    break;
            }
        }
    }

    private async Task<Attempt> TryAsync(
        string? rule, Func<HttpRequestMessage> newRequest, Func<HttpResponseMessage, CancellationTokenSource, Task<Attempt>> read, CancellationToken cancellationToken)
    {
        await slots.WaitAsync(cancellationToken);
        using var silence = new CancellationTokenSource(Silence, time);
        await using var stop = cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), silence);
        try
        {
            using var request = newRequest();
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, silence.Token);
            if (response.StatusCode == HttpStatusCode.Unauthorized)
            {
                return Attempt.Final($"401: {server.LoginRemedy}");
            }

            if (rule is not null && !response.IsSuccessStatusCode)
            {
                return await Refusals.ReadAsync(response, time, silence.Token);
            }

            var attempt = await read(response, silence);
            if (rule is not null && attempt.Failure is null && Refusals.CameFromUpstream(response))
            {
                patience.Answered(rule);
            }

            return attempt;
        }
        catch (Exception broken) when (broken is HttpRequestException or IOException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return Attempt.Again($"the connection to the server broke: {(broken is HttpRequestException request ? server.Describe(request) : broken.Message)}");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Attempt.Again($"the server sent nothing for {Duration.Format(Silence)}");
        }
        finally
        {
            slots.Release();
        }
    }
}
