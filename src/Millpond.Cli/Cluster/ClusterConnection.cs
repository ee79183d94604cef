using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using k8s;
using k8s.Authentication;
using k8s.Exceptions;

namespace Millpond.Cli.Cluster;

/// <summary>Finds the cluster that is meant, with the logins that a kubeconfig can have, and asks its API server.</summary>
internal sealed class ClusterConnection : IDisposable
{
    private const int MostTries = 5;

    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    private readonly HttpClient client;
    private readonly ServiceClientCredentials? login;
    private readonly string? host;
    private readonly TimeProvider time;

    /// <summary>Only what it needs of the library, whose client brings all kinds of Kubernetes: a third of the program.</summary>
    private ClusterConnection(KubernetesClientConfiguration configuration, TimeProvider time)
    {
        Server = new Uri(configuration.Host.TrimEnd('/') + "/");
        login = Kubernetes.CreateCredentials(configuration);
        client = new HttpClient(Transport(configuration));

        // tls-server-name: the handler asks TLS for, and expects of the certificate, whom the request names.
        host = string.IsNullOrEmpty(configuration.TlsServerName) ? null : configuration.TlsServerName;
        this.time = time;
    }

    /// <exception cref="CommandFailedException">There is no kubeconfig, or it cannot be used.</exception>
    public static ClusterConnection Open(ClusterSelection selection, TimeProvider time)
    {
        var files = Kubeconfigs.Of(selection);
        try
        {
            if (Kubeconfigs.Read(files) is { } kubeconfig)
            {
                return new ClusterConnection(KubernetesClientConfiguration.BuildConfigFromConfigObject(kubeconfig, selection.Context), time);
            }

            return KubernetesClientConfiguration.IsInCluster() && selection is { Kubeconfig: null, Context: null }
                ? new ClusterConnection(KubernetesClientConfiguration.InClusterConfig(), time)
                : throw new CommandFailedException(Kubeconfigs.WhyNone(selection, files));
        }
        catch (Exception e) when (e is KubeConfigException or KubernetesClientException or FormatException or ArgumentException or IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new CommandFailedException($"The kubeconfig cannot be used: {e.Message}", e);
        }
    }

    public Uri Server { get; }

    /// <summary>A GET; where the server asks to come back later, later.</summary>
    /// <exception cref="HttpRequestException">No answer.</exception>
    public async Task<HttpResponseMessage> GetAsync(string path, CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Server, path));
            request.Headers.Host = host;
            request.Headers.Accept.ParseAdd("application/json");
            if (login is not null)
            {
                await login.ProcessHttpRequestAsync(request, cancellationToken);
            }

            var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (tries == MostTries || response.Headers.RetryAfter?.Delta is not { } wait || wait > LongestWait)
            {
                return response;
            }

            response.Dispose();
            await Task.Delay(wait, time, cancellationToken);
        }
    }

    public void Dispose() => client.Dispose();

    private static SocketsHttpHandler Transport(KubernetesClientConfiguration configuration)
    {
        var transport = new SocketsHttpHandler();
        if (Pem(configuration.ClientCertificateData, configuration.ClientCertificateFilePath) is { } own && Pem(configuration.ClientCertificateKeyData, configuration.ClientKeyFilePath) is { } key)
        {
            transport.SslOptions.ClientCertificates = [X509Certificate2.CreateFromPem(own, key)];
        }

        transport.SslOptions.RemoteCertificateValidationCallback = (sender, certificate, chain, errors) => configuration switch
        {
            { SkipTlsVerify: true } => true,
            // The library's own look does not mind whose name the certificate bears.
            { SslCaCerts: { Count: > 0 } authorities } => (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) == 0 && Kubernetes.CertificateValidationCallBack(sender, authorities, certificate, chain, errors),
            _ => errors == SslPolicyErrors.None,
        };
        return transport;
    }

    /// <summary>Of a kubeconfig it is base64; a login program's answer is as it came.</summary>
    private static string? Pem(string? data, string? file) =>
        !string.IsNullOrWhiteSpace(data)
            ? data.Contains("-----BEGIN", StringComparison.Ordinal) ? data : Encoding.ASCII.GetString(Convert.FromBase64String(data))
            : string.IsNullOrWhiteSpace(file) ? null : File.ReadAllText(file);
}
