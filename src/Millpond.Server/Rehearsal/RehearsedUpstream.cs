using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Millpond.Images;

namespace Millpond.Server.Rehearsal;

/// <summary>A registry on loopback with one image, asked over TLS and with a token, as the public ones are.</summary>
internal sealed class RehearsedUpstream : IAsyncDisposable
{
    private const string Token = "rehearsal";
    private readonly RehearsedImage image;
    private readonly X509Certificate2 certificate;
    private readonly WebApplication app;

    private RehearsedUpstream(RehearsedImage image)
    {
        this.image = image;
        certificate = MakeCertificate();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(options => options.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
        app = builder.Build();
        app.Run(AnswerAsync);
    }

    public Uri Address => new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    public static async Task<RehearsedUpstream> StartAsync(RehearsedImage image, CancellationToken cancellationToken)
    {
        var upstream = new RehearsedUpstream(image);
        try
        {
            await upstream.app.StartAsync(cancellationToken);
            return upstream;
        }
        catch
        {
            await upstream.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        certificate.Dispose();
    }

    private static X509Certificate2 MakeCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
    }

    private Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        if (path == "/token")
        {
            return SendAsync(context, "application/json", """{"token":"rehearsal","expires_in":300}"""u8.ToArray());
        }

        if (context.Request.Headers.Authorization != $"Bearer {Token}")
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            context.Response.Headers.WWWAuthenticate = $"Bearer realm=\"{new Uri(Address, "/token")}\",service=\"rehearsal\",scope=\"repository:{RehearsedImage.Repository}:pull\"";
            return SendAsync(context, "application/json", """{"errors":[{"code":"UNAUTHORIZED","message":"a token is needed"}]}"""u8.ToArray());
        }

        var last = path[(path.LastIndexOf('/') + 1)..];
        if (path.Contains("/manifests/", StringComparison.Ordinal))
        {
            context.Response.Headers["Docker-Content-Digest"] = image.ManifestDigest;
            return SendAsync(context, ManifestTypes.OciManifest, image.Manifest);
        }

        if (image.Blob(last) is { } blob)
        {
            return SendAsync(context, "application/octet-stream", blob);
        }

        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return SendAsync(context, "application/json", """{"errors":[{"code":"NOT_FOUND","message":"it is not here"}]}"""u8.ToArray());
    }

    private static async Task SendAsync(HttpContext context, string type, byte[] body)
    {
        context.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.Body.WriteAsync(body, context.RequestAborted);
        }
    }
}
