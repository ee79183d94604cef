using System.CommandLine;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Millpond.Server.Admission;

namespace Millpond.Cli.Admission;

/// <summary><c>millpond admission webhook</c>: the configuration that makes API servers ask.</summary>
internal static class WebhookCommand
{
    private static readonly Option<string> Service = new("--service")
    {
        Description = "The server's service in its namespace.",
        HelpName = "NAME",
        DefaultValueFactory = _ => "millpond",
    };

    private static readonly Option<int> Port = new("--port") { Description = "The service's port.", HelpName = "PORT", DefaultValueFactory = _ => 443 };
    private static readonly Option<string?> Url = new("--url") { Description = "A server outside of the cluster, instead of a service.", HelpName = "URL" };

    private static readonly Option<string?> CaBundle = new("--ca-bundle")
    {
        Description = "The authority of the server's certificate: PEM in base64, as a server prints it.",
        HelpName = "BASE64",
    };

    private static readonly Option<FileInfo?> CaFile = new("--ca-file") { Description = "The same, as a PEM file.", HelpName = "FILE" };

    private static readonly Option<string[]> Audit = new("--audit")
    {
        Description = "A further kind of objects to look at for the audit log, never to change: apps/deployments. Repeatable.",
        HelpName = "GROUP/RESOURCE",
    };

    public static Command Create()
    {
        var verb = new AdmissionVerb();
        var command = new Command("webhook", "Print the MutatingWebhookConfiguration.") { Service, Port, Url, CaBundle, CaFile, Audit };
        verb.AddTo(command);
        command.SetAction(arguments =>
        {
            var exitCode = AdmissionVerb.Print(arguments, () => Make(arguments, verb).ToYaml());
            // API servers would go on without reviews, and nobody would see why.
            if (exitCode == ExitCode.Done && arguments.GetValue(CaBundle) is null && arguments.GetValue(CaFile) is null)
            {
                arguments.InvocationConfiguration.Error.WriteLine(
                    "millpond: no authority is named (--ca-bundle, --ca-file), so API servers ask only if their own system trusts the server's certificate.");
            }

            return exitCode;
        });
        return command;
    }

    private static WebhookManifest Make(ParseResult arguments, AdmissionVerb verb)
    {
        var manifest = new WebhookManifest
        {
            Name = verb.Name(arguments),
            Namespace = verb.Namespace(arguments),
            Service = AdmissionVerb.Checked("--service", arguments.GetRequiredValue(Service)),
            Port = arguments.GetValue(Port) is > 0 and < 65536 and var port ? port : throw new CommandFailedException("--port: write a number from 1 to 65535."),
            Url = arguments.GetValue(Url) is { } url ? Outside(url) : null,
            CaBundle = Bundle(arguments),
            IsOptIn = verb.IsOptIn(arguments),
            Audited = [.. (arguments.GetValue(Audit) ?? []).Select(Resource)],
        };
        return verb.Excluded(arguments) is { } excluded ? manifest with { ExcludedNamespaces = [.. excluded] } : manifest;
    }

    // It goes into YAML as it is.
    private static string Resource(string text) =>
        text.Length > 0 && text.Count('/') <= 1 && text.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '-' or '/') && !text.EndsWith('/')
            ? text
            : throw new CommandFailedException($"--audit: '{text}' is no kind of objects; write GROUP/RESOURCE, as apps/deployments.");

    private static Uri Outside(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttps && url.PathAndQuery == "/" && url.UserInfo.Length == 0
            ? url
            : throw new CommandFailedException("--url: write https://HOST[:PORT]; API servers ask by https only.");

    private static string? Bundle(ParseResult arguments)
    {
        var (text, file) = (arguments.GetValue(CaBundle), arguments.GetValue(CaFile));
        if (text is not null && file is not null)
        {
            throw new CommandFailedException("--ca-bundle and --ca-file both give the authority; name one of them.");
        }

        try
        {
            var pem = file is not null ? File.ReadAllText(file.FullName) : text is not null ? System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(text)) : null;
            if (pem is null)
            {
                return null;
            }

            var certificates = new X509Certificate2Collection();
            certificates.ImportFromPem(pem);
            if (certificates.Count > 0 && !pem.Contains("PRIVATE KEY", StringComparison.Ordinal))
            {
                return SelfSignedCertificate.Encode(pem);
            }
        }
        catch (Exception failure) when (failure is FormatException or CryptographicException)
        {
            throw new CommandFailedException($"The authority cannot be read: {failure.Message}", failure);
        }

        throw new CommandFailedException("The authority must be certificates in PEM, and nothing secret.");
    }
}
