using k8s;
using k8s.Exceptions;
using k8s.KubeConfigModels;
using YamlDotNet.Core;

namespace Millpond.Cli.Cluster;

/// <summary>The kubeconfig files that are meant; several count as one, as for kubectl.</summary>
internal static class Kubeconfigs
{
    public static IReadOnlyList<FileInfo> Of(ClusterSelection selection)
    {
        if (selection.Kubeconfig is { } named)
        {
            return [named];
        }

        return selection.KubeconfigVariable is { Length: > 0 } variable
            ? [.. variable.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Distinct().Select(path => new FileInfo(path))]
            : [new FileInfo(KubernetesClientConfiguration.KubeConfigDefaultLocation)];
    }

    /// <summary>What the files say together: of one name, or of the current context, the first that says something. Files that are not there are passed over.</summary>
    /// <exception cref="CommandFailedException">A file cannot be read.</exception>
    public static K8SConfiguration? Read(IEnumerable<FileInfo> files)
    {
        var all = files.Where(file => file.Exists).Select(Read).ToList();
        if (all.Count == 0)
        {
            return null;
        }

        var whole = all[0];
        whole.CurrentContext = all.Select(one => one.CurrentContext).FirstOrDefault(context => !string.IsNullOrEmpty(context));
        whole.Contexts = [.. all.SelectMany(one => one.Contexts ?? []).DistinctBy(context => context.Name)];
        whole.Clusters = [.. all.SelectMany(one => one.Clusters ?? []).DistinctBy(cluster => cluster.Name)];
        whole.Users = [.. all.SelectMany(one => one.Users ?? []).DistinctBy(user => user.Name)];
        return whole;
    }

    public static string WhyNone(ClusterSelection selection, IReadOnlyList<FileInfo> files) => selection switch
    {
        { Kubeconfig: { } named } => $"--kubeconfig {named}: there is no such file.",
        { KubeconfigVariable: { Length: > 0 } variable } => $"KUBECONFIG names no file that is there ({variable}); correct it, or name one with --kubeconfig FILE.",
        _ => $"There is no kubeconfig ({files[0]}); name one with --kubeconfig FILE, or set KUBECONFIG.",
    };

    private static K8SConfiguration Read(FileInfo file)
    {
        try
        {
            // A file that says nothing is read as null.
            using var content = file.OpenRead();
            var read = KubernetesClientConfiguration.LoadKubeConfig(content) ?? new K8SConfiguration();
            var folder = file.DirectoryName ?? "/";
            foreach (var endpoint in (read.Clusters ?? []).Select(cluster => cluster.ClusterEndpoint).OfType<ClusterEndpoint>())
            {
                endpoint.CertificateAuthority = Within(folder, endpoint.CertificateAuthority);
            }

            foreach (var user in (read.Users ?? []).Select(user => user.UserCredentials).OfType<UserCredentials>())
            {
                user.ClientCertificate = Within(folder, user.ClientCertificate);
                user.ClientKey = Within(folder, user.ClientKey);
                if (user is { AuthProvider: { Name: "oidc", Config: { } kept }, Token: null or "" } && kept.TryGetValue("id-token", out var token))
                {
                    // As kubectl does while the token is valid. It is not renewed here: the server says when it has expired.
                    user.Token = token;
                    user.AuthProvider = null;
                }

                if (user.ExternalExecution is { Command: { } command } program && command.Contains('/', StringComparison.Ordinal))
                {
                    program.Command = Within(folder, command);
                }
            }

            return read;
        }
        catch (Exception e) when (e is KubeConfigException or YamlException or ArgumentException or FormatException or IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"The kubeconfig {file} cannot be used: {e.Message}", e);
        }
    }

    // A path is meant from the folder of the file that names it, whichever file comes first.
    private static string? Within(string folder, string? path) => string.IsNullOrEmpty(path) ? path : Path.GetFullPath(path, folder);
}
