using System.CommandLine;
using Millpond.Cli;

// The table of contents of the program: one static class per verb, in its own file.
var root = new RootCommand("A pull-through cache for container images.")
{
    ServeCommand.Create(),
    RewriteCommand.Create(Streams.Console),
    RestoreCommand.Create(Streams.Console),
    CoverageCommand.Create(Streams.Console),
    WarmCommand.Create(Streams.Console, TimeProvider.System),
    MirrorCommand.Create(),
    LocalsCommand.Create(),
    AdmissionCommand.Create(),
};

// Signals are handled by the verbs: the parser's own handling would end a stop in good order after two seconds.
return await root.Parse(args).InvokeAsync(new() { ProcessTerminationTimeout = null });
