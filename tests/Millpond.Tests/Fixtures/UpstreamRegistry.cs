using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Millpond.Images;

namespace Millpond.Tests.Fixtures;

/// <summary>Answers <c>/v2/</c> and the blob host.</summary>
internal sealed class UpstreamRegistry(
    FakeUpstreamOptions options, UpstreamContents contents, ArmedFaults faults, UpstreamAuthenticator authenticator, UpstreamBodies bodies)
{
    private const int FourMebibytes = 4 * 1024 * 1024;

    private readonly byte[] signingKey = RandomNumberGenerator.GetBytes(32);
    private readonly UpstreamRateLimit rateLimit = new(options);

    public Uri BlobHost { get; set; } = new("http://unset.invalid");

    public async Task AnswerAsync(HttpContext context, UpstreamRequest request)
    {
        context.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
        if (await TakeRequestFaultAsync(context, request))
        {
            return;
        }

        if (request.Kind == RequestKind.Token)
        {
            await authenticator.AnswerTokenAsync(context);
            return;
        }

        if (request.Kind == RequestKind.BlobHost)
        {
            await AnswerBlobHostAsync(context, request);
            return;
        }

        if (!await authenticator.AdmitAsync(context, request))
        {
            return;
        }

        await (request.Kind switch
        {
            RequestKind.Ping => context.Response.WriteAsJsonAsync(new { }),
            RequestKind.Manifest => AnswerManifestAsync(context, request),
            RequestKind.Blob => AnswerBlobAsync(context, request),
            RequestKind.Tags => AnswerTagsAsync(context, request.Repository!),
            RequestKind.Referrers => AnswerReferrersAsync(context, request),
            _ => UpstreamAnswers.NotFoundAsync(context, "UNSUPPORTED"),
        });
    }

    private async Task<bool> TakeRequestFaultAsync(HttpContext context, UpstreamRequest request)
    {
        var fault = faults.Take(FaultStage.Request, request);
        switch (fault?.Fault)
        {
            case UpstreamFault.BlackHole:
                await fault.HoldAsync(context.RequestAborted);
                context.Abort();
                return true;
            case UpstreamFault.LatinError or UpstreamFault.SurrogateError or UpstreamFault.HtmlError or UpstreamFault.EmptyError or UpstreamFault.LargeError
                or UpstreamFault.IngressPage or UpstreamFault.ErrorAsManifest:
                await UpstreamAnswers.StrangeAsync(context, fault.Fault);
                return true;
            case UpstreamFault.ServerError:
                await UpstreamAnswers.ErrorAsync(context, 503, "UNAVAILABLE", "the upstream has a bad day");
                return true;
            case UpstreamFault.ThrottledWithRetryAfter:
                context.Response.Headers.RetryAfter = "7";
                goto case UpstreamFault.ThrottledWithoutRetryAfter;
            case UpstreamFault.ThrottledWithoutRetryAfter:
                await UpstreamAnswers.ErrorAsync(context, 429, "TOOMANYREQUESTS", "You have reached your pull rate limit.");
                return true;
            default:
                return false;
        }
    }

    private async Task AnswerManifestAsync(HttpContext context, UpstreamRequest request)
    {
        if (!await rateLimit.AdmitAsync(context, request))
        {
            return;
        }

        var fault = faults.Take(FaultStage.Manifest, request);
        var manifest = fault?.Fault == UpstreamFault.MissingChild ? null : contents.FindManifest(request.Repository!, request.Reference!);
        if (manifest is null)
        {
            await UpstreamAnswers.NotFoundAsync(context, contents.Has(request.Repository!) ? "MANIFEST_UNKNOWN" : "NAME_UNKNOWN");
            return;
        }

        // As distribution does: a client that does not name an index's type is told that it cannot have it.
        if (!request.Headers.TryGetValue("Accept", out var accept)
            || !accept.Contains(manifest.MediaType, StringComparison.Ordinal) && !accept.Contains("*/*", StringComparison.Ordinal))
        {
            await UpstreamAnswers.ErrorAsync(context, 404, "MANIFEST_UNKNOWN", $"{manifest.MediaType} found, but the Accept header does not have it");
            return;
        }

        if (fault?.Fault == UpstreamFault.ManifestTooLarge)
        {
            manifest = new TestManifest(manifest.MediaType, [.. manifest.Content, .. Enumerable.Repeat((byte)' ', FourMebibytes)]);
        }

        context.Response.ContentType = manifest.MediaType;
        context.Response.Headers.ETag = $"\"{manifest.Digest}\"";
        if (options.DigestHeader)
        {
            var digest = fault?.Fault == UpstreamFault.LyingDigestHeader ? Digest.Sha256("another manifest"u8) : manifest.Digest;
            context.Response.Headers["Docker-Content-Digest"] = digest.ToString();
        }

        await bodies.SendAsync(context, request, TestBlob.Of(manifest.Content), ranges: false);
        fault?.Then?.Invoke();
    }

    private async Task AnswerBlobAsync(HttpContext context, UpstreamRequest request)
    {
        var blob = contents.FindBlob(request.Repository!, request.Reference!);
        if (blob is null)
        {
            await UpstreamAnswers.NotFoundAsync(context, "BLOB_UNKNOWN");
            return;
        }

        if (options.RedirectBlobs)
        {
            var until = (options.Time.GetUtcNow() + options.SignedUrlLifetime).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = $"{options.RedirectTo ?? BlobHost}blobs/{blob.Digest}?until={until}&signature={Sign(blob.Digest.ToString(), until)}";
            return;
        }

        context.Response.Headers["Docker-Content-Digest"] = blob.Digest.ToString();
        context.Response.ContentType = "application/octet-stream";
        await bodies.SendAsync(context, request, blob, ranges: true);
    }

    private async Task AnswerBlobHostAsync(HttpContext context, UpstreamRequest request)
    {
        // As S3 does: a signed URL and an Authorization header together are an error.
        if (request.Authorization is not null)
        {
            await UpstreamAnswers.ErrorAsync(context, 400, "InvalidArgument", "Only one auth mechanism allowed");
            return;
        }

        var (until, signature) = (context.Request.Query["until"].ToString(), context.Request.Query["signature"].ToString());
        var blob = contents.FindBlob(request.Reference!);
        var isGood = blob is not null && signature == Sign(request.Reference!, until)
            && long.Parse(until, CultureInfo.InvariantCulture) > options.Time.GetUtcNow().ToUnixTimeMilliseconds();
        if (!isGood || faults.Take(FaultStage.Redirect, request) is not null)
        {
            await UpstreamAnswers.ErrorAsync(context, 403, "AccessDenied", "Request has expired");
            return;
        }

        context.Response.ContentType = "application/octet-stream";
        await bodies.SendAsync(context, request, blob!, ranges: true);
    }

    private async Task AnswerTagsAsync(HttpContext context, string repository)
    {
        if (!contents.Has(repository))
        {
            await UpstreamAnswers.NotFoundAsync(context, "NAME_UNKNOWN");
            return;
        }

        var last = context.Request.Query["last"].ToString();
        var asked = int.TryParse(context.Request.Query["n"], CultureInfo.InvariantCulture, out var n) ? n : int.MaxValue;
        var count = Math.Min(asked, options.TagPage);
        List<string> rest = [.. contents.Tags(repository).Where(tag => string.CompareOrdinal(tag, last) > 0)];
        List<string> page = [.. rest.Take(count)];
        if (rest.Count > page.Count && page.Count > 0)
        {
            context.Response.Headers.Link = $"</v2/{repository}/tags/list?last={Uri.EscapeDataString(page[^1])}&n={count}>; rel=\"next\"";
        }

        await context.Response.WriteAsJsonAsync(new { name = repository, tags = page });
    }

    private async Task AnswerReferrersAsync(HttpContext context, UpstreamRequest request)
    {
        if (!options.ReferrersApi || !contents.Has(request.Repository!))
        {
            await UpstreamAnswers.NotFoundAsync(context, "NAME_UNKNOWN");
            return;
        }

        var artifactType = (string?)context.Request.Query["artifactType"];
        var found = contents.Referrers(request.Repository!, Digest.Parse(request.Reference!));
        if (artifactType is not null)
        {
            found = found.Where(manifest => manifest.ArtifactType == artifactType);
            context.Response.Headers["OCI-Filters-Applied"] = "artifactType";
        }

        var index = TestImages.ReferrersIndex(found);
        context.Response.ContentType = index.MediaType;
        await bodies.SendAsync(context, request, TestBlob.Of(index.Content), ranges: false);
    }

    private string Sign(string digest, string until) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(signingKey, Encoding.UTF8.GetBytes($"{digest} {until}")));
}
