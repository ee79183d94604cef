using System.CommandLine;
using Millpond.Server.Configuration.Values;

namespace Millpond.Cli.Admission;

/// <summary>What the verbs have alike: options about the cluster, and a failure as a line and an exit code.</summary>
internal sealed class AdmissionVerb
{
    private readonly Option<string> name = new("--name")
    {
        Description = "What the objects are called.",
        HelpName = "NAME",
        DefaultValueFactory = _ => "millpond",
    };

    private readonly Option<string> space = new("--namespace")
    {
        Description = "The server's own namespace, whose pods are left alone.",
        HelpName = "NAME",
        DefaultValueFactory = _ => "millpond",
    };

    private readonly Option<string[]> excluded = new("--exclude-namespace")
    {
        Description = "A namespace whose pods are left alone; repeatable [default: kube-system].",
        HelpName = "NAME",
    };

    private readonly Option<bool> optIn = new("--opt-in") { Description = "Review only namespaces with the label millpond.dev/rewrite=true." };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { name, space, excluded, optIn })
        {
            command.Options.Add(option);
        }
    }

    public string Name(ParseResult arguments) => Checked("--name", arguments.GetRequiredValue(name));

    public string Namespace(ParseResult arguments) => Checked("--namespace", arguments.GetRequiredValue(space));

    /// <summary>Those that are named; null where none is.</summary>
    public IReadOnlyList<string>? Excluded(ParseResult arguments) =>
        arguments.GetValue(excluded) is { Length: > 0 } names ? [.. names.Select(one => Checked("--exclude-namespace", one))] : null;

    public bool IsOptIn(ParseResult arguments) => arguments.GetValue(optIn);

    /// <summary>Prints what the verb makes.</summary>
    public static int Print(ParseResult arguments, Func<string> make)
    {
        try
        {
            arguments.InvocationConfiguration.Output.Write(make());
            return ExitCode.Done;
        }
        catch (Exception failure) when (failure is CommandFailedException or IOException or UnauthorizedAccessException)
        {
            arguments.InvocationConfiguration.Error.WriteLine($"millpond: {failure.Message}");
            return ExitCode.Failed;
        }
    }

    /// <exception cref="CommandFailedException">It is no name of an object in Kubernetes.</exception>
    public static string Checked(string option, string text) =>
        KubernetesName.IsLabel(text)
            ? text
            : throw new CommandFailedException($"{option}: '{text}' is no name in Kubernetes. Write lower-case letters, digits and dashes.");
}
