using System.CommandLine;

namespace Millpond.Cli.Cluster;

/// <summary>The options that say which cluster is read, and what of it.</summary>
internal sealed class ClusterOptions
{
    private readonly Option<bool> cluster = new("--cluster") { Description = "Read what a cluster runs: Pods, and what makes them." };
    private readonly Option<string?> context = new("--context") { Description = "The context of the kubeconfig.", HelpName = "NAME" };
    private readonly Option<FileInfo?> kubeconfig = new("--kubeconfig") { Description = "The kubeconfig [default: as kubectl finds it].", HelpName = "FILE" };
    private readonly Option<string?> @namespace = new("--namespace", "-n") { Description = "Only this namespace.", HelpName = "NAME" };
    private readonly Option<bool> customResources = new("--custom-resources") { Description = "Also the custom resources that the tables of places know." };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { cluster, context, kubeconfig, @namespace, customResources })
        {
            command.Options.Add(option);
        }
    }

    /// <summary>What of which cluster; null for none.</summary>
    /// <exception cref="CommandFailedException">The options do not go together, or the kubeconfig cannot be used.</exception>
    public ClusterSelection? Read(ParseResult arguments)
    {
        var (name, file, only, custom) =
            (arguments.GetValue(context), arguments.GetValue(kubeconfig), arguments.GetValue(@namespace), arguments.GetValue(customResources));
        if (arguments.GetValue(cluster))
        {
            return new ClusterSelection(name, file, only, custom) { KubeconfigVariable = Environment.GetEnvironmentVariable("KUBECONFIG") };
        }

        return name is null && file is null && only is null && !custom
            ? null
            : throw new CommandFailedException("--context, --kubeconfig, --namespace and --custom-resources are about a cluster; say --cluster too.");
    }
}

/// <param name="Context">The kubeconfig's current one where null.</param>
/// <param name="Kubeconfig">As kubectl finds it where null.</param>
/// <param name="Namespace">All where null.</param>
internal sealed record ClusterSelection(string? Context, FileInfo? Kubeconfig, string? Namespace, bool CustomResources)
{
    /// <summary>What the environment says of kubeconfigs: files, with colons between.</summary>
    public string? KubeconfigVariable { get; init; }
}
