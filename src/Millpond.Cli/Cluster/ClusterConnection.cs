using k8s;
using k8s.Exceptions;
using k8s.KubeConfigModels;

namespace Millpond.Cli.Cluster;

/// <summary>Finds the cluster that is meant, with every kind of login that a kubeconfig can have, and asks its API server.</summary>
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
        var files = Kubeconfigs(selection).Where(file => file.Exists).ToArray();
        try
        {
            if (files.Length > 0)
            {
                return new ClusterConnection(KubernetesClientConfiguration.BuildConfigFromConfigObject(Merge(files), selection.Context), time);
            }

            return KubernetesClientConfiguration.IsInCluster() && selection is { Kubeconfig: null, Context: null }
                ? new ClusterConnection(KubernetesClientConfiguration.InClusterConfig(), time)
                : throw new CommandFailedException(
                    selection.Kubeconfig is { } named ? $"--kubeconfig {named}: there is no such file." : "There is no kubeconfig; name one with --kubeconfig FILE, or set KUBECONFIG.");
        }
        catch (Exception e) when (e is KubeConfigException or KubernetesClientException or YamlDotNet.Core.YamlException or FormatException or IOException)
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

    /// <summary>Several files count as one, as for kubectl: what an earlier one says wins.</summary>
    private static K8SConfiguration Merge(FileInfo[] files)
    {
        var whole = KubernetesClientConfiguration.LoadKubeConfig(files[0]);
        foreach (var more in files.Skip(1).Select(file => KubernetesClientConfiguration.LoadKubeConfig(file)))
        {
            whole.CurrentContext ??= more.CurrentContext;
            whole.Contexts = [.. whole.Contexts ?? [], .. more.Contexts ?? []];
            whole.Clusters = [.. whole.Clusters ?? [], .. more.Clusters ?? []];
            whole.Users = [.. whole.Users ?? [], .. more.Users ?? []];
        }

        return whole;
    }

    private static IEnumerable<FileInfo> Kubeconfigs(ClusterSelection selection)
    {
        if (selection.Kubeconfig is { } named)
        {
            return [named];
        }

        var variable = Environment.GetEnvironmentVariable("KUBECONFIG");
        return string.IsNullOrEmpty(variable)
            ? [new FileInfo(KubernetesClientConfiguration.KubeConfigDefaultLocation)]
            : variable.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Select(path => new FileInfo(path));
    }
}
