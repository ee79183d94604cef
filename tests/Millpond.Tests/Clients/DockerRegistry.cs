using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>The CNCF distribution registry over the images of make-images.sh, read-only, as a child process on a free port.</summary>
internal sealed partial class DockerRegistry : IAsyncDisposable
{
    public const string Username = "alice";
    public const string Password = "secret-of-alice";

    private readonly TemporaryFolder folder = new();
    private readonly TestCertificates? certificates;
    private readonly bool needsPassword;
    private ServerProgram? server;

    private DockerRegistry(TestCertificates? certificates, bool needsPassword)
    {
        this.certificates = certificates;
        this.needsPassword = needsPassword;
    }

    /// <summary>Scheme, host and port; the same after a restart.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>Requests it has answered, one log line each.</summary>
    public IEnumerable<string> Requests => Log.Split('\n').Where(line => line.Contains("] \"", StringComparison.Ordinal));

    private string Log => server?.Log ?? "";

    /// <param name="certificates">The authority that signs its certificate; null for plain http.</param>
    /// <param name="needsPassword">Whether it wants <see cref="Username"/> and <see cref="Password"/>.</param>
    public static async Task<DockerRegistry> StartAsync(TestCertificates? certificates = null, bool needsPassword = false)
    {
        RequireClient.OrSkip("docker-registry");
        await RealImages.MadeAsync();
        var registry = new DockerRegistry(certificates, needsPassword);
        await registry.StartAsync(port: 0);
        return registry;
    }

    public Task StopAsync() => server!.KillAsync();

    public async Task RestartAsync()
    {
        await server!.DisposeAsync();
        await StartAsync(Address.Port);
    }

    /// <summary>The digest it gives for a tag, asked without any cache between.</summary>
    public async Task<string> DigestOfAsync(RealImage image)
    {
        using var handler = new SocketsHttpHandler { UseProxy = false };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        using var http = new HttpClient(handler);
        using var request = new HttpRequestMessage(HttpMethod.Head, new Uri(Address, $"/v2/{image.Repository}/manifests/{image.Tag}"));
        request.Headers.Add("Accept", RealImages.ManifestTypes);
        if (needsPassword)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Username}:{Password}")));
        }

        using var response = await http.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return response.Headers.GetValues("Docker-Content-Digest").Single();
    }

    public async ValueTask DisposeAsync()
    {
        if (server is not null)
        {
            await server.DisposeAsync();
        }

        folder.Dispose();
    }

    private async Task StartAsync(int port)
    {
        var configuration = folder.Write("registry.yml", Configuration(port));
        (server, var line) = await ServerProgram.StartAsync(RequireClient.OrSkip("docker-registry"), ["serve", configuration], "listening on ");
        var bound = int.Parse(ListeningOn().Match(line).Groups[1].Value, CultureInfo.InvariantCulture);
        Address = new Uri($"{(certificates is null ? "http" : "https")}://127.0.0.1:{bound}");
    }

    private string Configuration(int port)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"version: 0.1");
        text.AppendLine(CultureInfo.InvariantCulture, $"storage: {{filesystem: {{rootdirectory: \"{RealImages.Storage}\"}}, maintenance: {{readonly: {{enabled: true}}}}}}");
        text.AppendLine(CultureInfo.InvariantCulture, $"http:");
        text.AppendLine(CultureInfo.InvariantCulture, $"  addr: \"127.0.0.1:{port}\"");
        if (certificates is not null)
        {
            var (certificate, key) = certificates.IssueFiles(folder, "registry", ConnectProxy.HostBehind);
            text.AppendLine(CultureInfo.InvariantCulture, $"  tls: {{certificate: \"{certificate}\", key: \"{key}\"}}");
        }

        if (needsPassword)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"auth: {{htpasswd: {{realm: registry, path: \"{WritePasswords()}\"}}}}");
        }

        return text.ToString();
    }

    private string WritePasswords()
    {
        // bcrypt at its lowest cost: docker-registry takes nothing else, and checks it at every request.
        var start = new ProcessStartInfo(RequireClient.OrSkip("htpasswd"), ["-n", "-b", "-B", "-C", "4", Username, Password]) { RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var line = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return folder.Write("htpasswd", line);
    }

    [GeneratedRegex(@"listening on 127\.0\.0\.1:([0-9]+)")]
    private static partial Regex ListeningOn();
}
