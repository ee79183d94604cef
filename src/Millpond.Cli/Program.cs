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
    AccessCommand.Create(Streams.Console, TimeProvider.System),
    CostCommand.Create(Streams.Console),
    LifecycleCommand.Create(Streams.Console, TimeProvider.System),
    PinCommand.Create(Streams.Console, TimeProvider.System),
    CompletionCommand.Create(),
};

return await CommandLine.RunAsync(root, args, Streams.Console.Messages);
