using System.CommandLine;
using System.Text.Json.Nodes;
using Millpond.Cli.Access;
using Millpond.Cli.Lifecycle;

namespace Millpond.Cli;

/// <summary><c>millpond lifecycle</c>: what policies would do to a running server's repositories, have done, and leave alone.</summary>
internal static class LifecycleCommand
{
    public static Command Create(Streams streams, TimeProvider time) => new("lifecycle", "Preview and run lifecycle policies of a running server, and list what they hold.")
    {
        Preview(streams, time),
        Run(streams, time),
        Held(streams, time),
    };

    private static Command Preview(Streams streams, TimeProvider time)
    {
        var options = new AccessOptions();
        var names = Names("REPOSITORY", atLeast: 1, "The repositories.");
        var policy = new Option<FileInfo?>("--policy") { Description = "A file with the policy to try [default: the one that the repository has].", HelpName = "FILE" };
        var command = new Command("preview", "Show what a policy would expire or archive. Nothing is changed.") { names, policy };
        return options.Runs(command, streams, time, async (client, arguments, write, cancellationToken) =>
        {
            var text = arguments.GetValue(policy) is { } file ? await PolicyFile.ReadAsync(file, cancellationToken) : null;
            foreach (var name in arguments.GetValue(names)!)
            {
                await LifecyclePreview.WriteAsync(client, name, text, write, time, cancellationToken);
            }
        });
    }

    private static Command Run(Streams streams, TimeProvider time)
    {
        var options = new AccessOptions();
        var names = Names("REPOSITORY", atLeast: 0, "The repositories [default: all that have a policy, in the background].");
        var force = new Option<bool>("--force") { Description = "Expire what is held too: it may be the last copy." };
        var command = new Command("run", "Run lifecycle policies now.") { names, force };
        return options.Runs(command, streams, time, async (client, arguments, write, cancellationToken) =>
        {
            if (arguments.GetValue(names) is not { Length: > 0 } given)
            {
                await client.CallAsync("RunLifecycle", new() { ["force"] = arguments.GetValue(force) }, cancellationToken);
                await write("A run over all repositories has begun; the server's log says what goes.\n");
                return;
            }

            foreach (var name in given)
            {
                JsonNode answer;
                do
                {
                    answer = await client.CallAsync("RunLifecycle", new() { ["repositoryName"] = name, ["force"] = arguments.GetValue(force) }, cancellationToken);
                }
                while ((bool)answer["isRunning"]!);
                await write($"{name}: {(int)answer["expired"]!} expired, {(int)answer["archived"]!} archived, {(int)answer["held"]!} held, {(int)answer["left"]!} left for the next run\n");
            }
        });
    }

    private static Command Held(Streams streams, TimeProvider time)
    {
        var options = new AccessOptions();
        var names = Names("REPOSITORY", atLeast: 0, "The repositories [default: all].");
        var command = new Command("held", "List images that a policy would have go and that stay, with the reason.") { names };
        return options.Runs(command, streams, time, async (client, arguments, write, cancellationToken) =>
        {
            string?[] given = [.. arguments.GetValue(names) ?? []];
            foreach (var name in given.Length > 0 ? given : [null])
            {
                await HeldList.WriteAsync(client, name, write, cancellationToken);
            }
        });
    }

    private static Argument<string[]> Names(string name, int atLeast, string description) =>
        new(name) { Description = description, Arity = new ArgumentArity(atLeast, 1000), DefaultValueFactory = _ => [] };
}
