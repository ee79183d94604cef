using System.CommandLine;
using Millpond.Cli.Files;
using Millpond.Images;
using Millpond.Rewriting.Places;

namespace Millpond.Cli.RuleSources;

/// <summary>The options that say which references go where; every verb on references has them.</summary>
internal sealed class RuleOptions
{
    private readonly Option<string?> registry = new("--registry") { Description = "The cache, as references name it.", HelpName = "HOST" };
    private readonly Option<FileInfo?> config = new("--config") { Description = "Take the rules from a server's configuration file.", HelpName = "FILE" };
    private readonly Option<string?> server = new("--server") { Description = "Take the rules from a running server.", HelpName = "URL" };

    private readonly Option<string?> operations = new("--operations")
    {
        Description = "Where that server tells its rules, if it has a listener for operations [default: --server].",
        HelpName = "URL",
    };

    private readonly Option<string?> tiers = new("--tiers")
    {
        Description = "Which rules count: default, opt-in, all, or prefixes with commas between them.",
        HelpName = "LIST",
    };

    private readonly Option<string[]> oldRegistry = new("--old-registry")
    {
        Description = "A registry that was the cache until now; what names it is moved. Repeatable.",
        HelpName = "HOST",
    };

    private readonly Option<bool> keepEcr = new("--keep-ecr") { Description = "Leave references to Amazon ECR's own cache as they are." };

    private readonly Option<FileInfo[]> places = new("--places") { Description = "More tables of places. Repeatable.", HelpName = "FILE" };

    private readonly Option<bool> everywhere = new("--everywhere")
    {
        Description = "Also change references that name their registry where neither the place nor the key says that they are images.",
    };

    private readonly Option<FileInfo?> ca = new("--ca") { Description = "Whom to believe about the server's certificate: a PEM file.", HelpName = "FILE" };

    private readonly Option<FileInfo?> authFile = new("--auth-file")
    {
        Description = "Where the login is for a server that asks for one: a file as docker login writes it [default: docker's own].",
        HelpName = "FILE",
    };

    /// <exception cref="CommandFailedException">It is no URL of a server, or what goes with it cannot be used.</exception>
    public ServerAccess? Server(ParseResult arguments)
    {
        if (arguments.GetValue(server) is { } text)
        {
            return Access(arguments, "--server", text);
        }

        return arguments.GetValue(ca) is null && arguments.GetValue(authFile) is null && arguments.GetValue(operations) is null
            ? null
            : throw new CommandFailedException("--ca, --auth-file and --operations are about a server; name it with --server URL.");
    }

    /// <param name="command">The verb.</param>
    /// <param name="withReferences">Whether references are read; else only registries are named.</param>
    /// <param name="withConfiguration">Whether the rules may come from a file; a verb that needs a running server asks that one.</param>
    public void AddTo(Command command, bool withConfiguration = true, bool withReferences = true)
    {
        Option[] sources = withConfiguration ? [config, server, operations, ca, authFile] : [server, operations, ca, authFile];
        foreach (var option in (Option[])[registry, .. sources, tiers, .. withReferences ? new Option[] { oldRegistry, keepEcr, places, everywhere } : []])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>The rules as the options give them.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="registryDefault">The registry where no option and no rule source names one.</param>
    /// <param name="cancellationToken">Ends the question to a server.</param>
    /// <exception cref="CommandFailedException">They give none.</exception>
    public async Task<RuleSet> ReadAsync(ParseResult arguments, string? registryDefault, CancellationToken cancellationToken)
    {
        var source = (arguments.GetValue(config), Server(arguments)) switch
        {
            (not null, not null) => throw new CommandFailedException("--config and --server both give the rules; name one of them."),
            ({ } file, null) => RuleSource.FromConfiguration(file),
            (null, { } running) => await ServerRules.ReadAsync(
                arguments.GetValue(operations) is { } text ? Access(arguments, "--operations", text) : running, running.Url.Authority, cancellationToken),
            (null, null) => RuleSource.Presets,
        };
        var host = arguments.GetValue(registry) ?? source.Registry ?? registryDefault
            ?? throw new CommandFailedException("Name the cache with --registry HOST, as references are to name it.");
        var options = new RewriteOptions
        {
            OldRegistries = [.. (arguments.GetValue(oldRegistry) ?? []).Select(Address)],
            MoveFromEcr = !arguments.GetValue(keepEcr),
        };
        return new RuleSet(Address(host), source.Select(arguments.GetValue(tiers)), options);
    }

    public bool Everywhere(ParseResult arguments) => arguments.GetValue(everywhere);

    /// <exception cref="CommandFailedException">A file is not one of tables.</exception>
    public PlaceTables Tables(ParseResult arguments)
    {
        var tables = PlaceTables.Default;
        foreach (var file in arguments.GetValue(places) ?? [])
        {
            try
            {
                tables = tables.With(InputFile.ReadAll(file.FullName));
            }
            catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
            {
                throw new CommandFailedException($"--places {file}: {e.Message}", e);
            }
        }

        return tables;
    }

    private ServerAccess Access(ParseResult arguments, string option, string text) =>
        ServerAccess.Of(option, text, arguments.GetValue(ca), arguments.GetValue(authFile));

    private static RegistryAddress Address(string text)
    {
        try
        {
            return RegistryAddress.Parse(text);
        }
        catch (FormatException e)
        {
            throw new CommandFailedException(e.Message, e);
        }
    }
}
