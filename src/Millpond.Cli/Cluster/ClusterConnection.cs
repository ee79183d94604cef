using k8s;
using k8s.Exceptions;

namespace Millpond.Cli.Cluster;

/// <summary>Finds the cluster that is meant, with the logins that a kubeconfig can have, and asks its API server.</summary>
internal sealed class ClusterConnection : IDisposable
{
    private const int MostTries = 5;

    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    private readonly Kubernetes client;
    private readonly TimeProvider time;

    private ClusterConnection(KubernetesClientConfiguration configuration, TimeProvider time)
    {
        client = new Kubernetes(configuration);
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
        catch (Exception e) when (e is KubeConfigException or KubernetesClientException or FormatException or IOException)
        {
            throw new CommandFailedException($"The kubeconfig cannot be used: {e.Message}", e);
        }
    }

    public Uri Server => client.BaseUri;

    /// <summary>A GET; where the server asks to come back later, later.</summary>
    /// <exception cref="HttpRequestException">No answer.</exception>
    public async Task<HttpResponseMessage> GetAsync(string path, CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(client.BaseUri, path));
            request.Headers.Accept.ParseAdd("application/json");
            if (client.Credentials is { } credentials)
            {
                await credentials.ProcessHttpRequestAsync(request, cancellationToken);
            }

            var response = await client.HttpClient.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (tries == MostTries || response.Headers.RetryAfter?.Delta is not { } wait || wait > LongestWait)
            {
                return response;
            }

            response.Dispose();
            await Task.Delay(wait, time, cancellationToken);
        }
    }

    public void Dispose() => client.Dispose();
}
