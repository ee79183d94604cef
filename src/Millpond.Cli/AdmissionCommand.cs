using System.CommandLine;
using Millpond.Cli.Admission;

namespace Millpond.Cli;

/// <summary><c>millpond admission</c>: what a cluster is given so that its pods are reviewed.</summary>
internal static class AdmissionCommand
{
    public static Command Create() => new("admission", "Print what makes a cluster have its pods reviewed.")
    {
        WebhookCommand.Create(),
        PolicyCommand.Create(),
        BundleCommand.Create(),
    };
}
