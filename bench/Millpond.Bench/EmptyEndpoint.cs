using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;

namespace Millpond.Bench;

/// <summary>As little as can answer a review: the same web server over TLS, the body read and not looked at, one constant answer.</summary>
internal static class EmptyEndpoint
{
    /// <summary>Runs this program as that, until it is killed.</summary>
    public const string Flag = "--empty-endpoint";

    private static readonly byte[] allowed = """{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"1","allowed":true}}"""u8.ToArray();

    public static async Task RunAsync(int port, string certificate)
    {
        using var tls = X509Certificate2.CreateFromPemFile(certificate, certificate);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(server =>
        {
            server.AddServerHeader = false;
            server.Listen(IPAddress.Loopback, port, listener => listener.UseHttps(tls));
        });
        await using var app = builder.Build();
        app.Run(AnswerAsync);
        await app.RunAsync();
    }

    private static async Task AnswerAsync(HttpContext context)
    {
        var body = context.Request.BodyReader;
        while (true)
        {
            var read = await body.ReadAsync(context.RequestAborted);
            body.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                break;
            }
        }

        context.Response.ContentType = "application/json";
        context.Response.ContentLength = allowed.Length;
        await context.Response.Body.WriteAsync(allowed, context.RequestAborted);
    }
}
