using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Millpond.Cli.Access;
using Millpond.Cli.Editing;
using Millpond.Server.Access;
using Millpond.Server.Configuration.Values;

namespace Millpond.Cli;

/// <summary><c>millpond access</c>: who may log in to a running server, and what they may.</summary>
internal static class AccessCommand
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static Command Create(Streams streams, TimeProvider time) => new("access", "Make, list, rotate and delete those who may log in to a running server.")
    {
        CreatePrincipal(streams, time),
        List(streams, time),
        Rotate(streams, time),
        Delete(streams, time),
        CreateRobot(streams, time),
        DeleteRobot(streams, time),
        RotateKey(streams, time),
        Hash(streams),
    };

    private static Command CreatePrincipal(Streams streams, TimeProvider time)
    {
        var options = new AccessOptions();
        var arn = Arn();
        var lifetime = new Option<string?>("--lifetime") { Description = "How long the key holds, 36h at most; it then has a session token [default: it stays].", HelpName = "TIME" };
        var command = new Command("create", "Make a principal, or give one other policies, and print a new access key for it.") { arn, options.Policy, lifetime, options.Format };
        return options.Runs(command, streams, time, async (client, arguments, cancellationToken) =>
        {
            var input = new JsonObject { ["arn"] = arguments.GetRequiredValue(arn), ["policies"] = new JsonArray([.. options.ReadPolicies(arguments).Select(text => JsonValue.Create(text))]) };
            if (arguments.GetValue(lifetime) is { } text)
            {
                input["lifetimeSeconds"] = Duration.TryParse(text, out var span)
                    ? (long)span.TotalSeconds
                    : throw new CommandFailedException("--lifetime is a time like 30m or 12h.");
            }

            return KeyFormat.Write(await client.CallAsync("CreatePrincipal", input, cancellationToken), arguments.GetRequiredValue(options.Format));
        });
    }

    private static Command List(Streams streams, TimeProvider time)
    {
        var options = new AccessOptions();
        var json = new Option<bool>("--json") { Description = "As JSON." };
        var command = new Command("list", "List principals with their policies and keys, and robots.") { json };
        return options.Runs(command, streams, time, async (client, arguments, cancellationToken) =>
        {
            var (principals, robots) = (await AllAsync(client, "ListPrincipals", "principals", cancellationToken), await AllAsync(client, "ListRobots", "robots", cancellationToken));
            return arguments.GetValue(json)
                ? new JsonObject { ["principals"] = principals, ["robots"] = robots }.ToJsonString(Indented) + "\n"
                : string.Concat(principals.Select(DescribePrincipal)) + string.Concat(robots.Select(DescribeRobot));
        });
    }

    private static Command Rotate(Streams streams, TimeProvider time)
    {
        var options = new AccessOptions();
        var arn = Arn();
        var command = new Command("rotate", "Give a principal a new access key. Those it has end at once, with their tokens.") { arn, options.Format };
        return options.Runs(command, streams, time, async (client, arguments, cancellationToken) => KeyFormat.Write(
            await client.CallAsync("RotateAccessKey", new() { ["arn"] = arguments.GetRequiredValue(arn) }, cancellationToken), arguments.GetRequiredValue(options.Format)));
    }

    private static Command Delete(Streams streams, TimeProvider time)
    {
        var options = new AccessOptions();
        var arn = Arn();
        var key = new Option<string?>("--key") { Description = "That access key alone.", HelpName = "ID" };
        var command = new Command("delete", "Delete a principal with its keys; their tokens end at once.") { arn, key };
        return options.Runs(command, streams, time, async (client, arguments, cancellationToken) =>
        {
            var input = new JsonObject { ["arn"] = arguments.GetRequiredValue(arn) };
            if (arguments.GetValue(key) is { } id)
            {
                input["accessKeyId"] = id;
                await client.CallAsync("DeleteAccessKey", input, cancellationToken);
                return "";
            }

            await client.CallAsync("DeletePrincipal", input, cancellationToken);
            return "";
        });
    }

    private static Command CreateRobot(Streams streams, TimeProvider time)
    {
        var options = new AccessOptions();
        var name = new Argument<string>("NAME") { Description = "The user name of its login." };
        var command = new Command("create-robot", "Make a login by password, or give one another password, and print it.") { name, options.Policy };
        return options.Runs(command, streams, time, async (client, arguments, cancellationToken) =>
        {
            var input = new JsonObject { ["name"] = arguments.GetRequiredValue(name), ["policies"] = new JsonArray([.. options.ReadPolicies(arguments).Select(text => JsonValue.Create(text))]) };
            return $"{(string)(await client.CallAsync("CreateRobot", input, cancellationToken))["password"]!}\n";
        });
    }

    private static Command DeleteRobot(Streams streams, TimeProvider time)
    {
        var options = new AccessOptions();
        var name = new Argument<string>("NAME") { Description = "The user name of its login." };
        return options.Runs(new("delete-robot", "Delete a login by password.") { name }, streams, time, async (client, arguments, cancellationToken) =>
        {
            await client.CallAsync("DeleteRobot", new() { ["name"] = arguments.GetRequiredValue(name) }, cancellationToken);
            return "";
        });
    }

    private static Command RotateKey(Streams streams, TimeProvider time)
    {
        var options = new AccessOptions();
        return options.Runs(new("rotate-key", "Seal all secrets and access keys anew, with another key."), streams, time, async (client, arguments, cancellationToken) =>
            $"{(int)(await client.CallAsync("RotateSealingKey", [], cancellationToken))["sealed"]!} values are sealed with the new key.\n");
    }

    private static Command Hash(Streams streams)
    {
        var command = new Command("hash", "Read a password from standard input and print its hash, for the file of 'access.robots'.");
        command.SetAction((_, cancellationToken) => FileVerb.RunAsync(streams, async () =>
        {
            using var reader = new StreamReader(streams.Input());
            var password = await reader.ReadLineAsync(cancellationToken);
            if (string.IsNullOrEmpty(password))
            {
                throw new CommandFailedException("There is no password on standard input.");
            }

            await WriteAsync(streams, PasswordHash.Of(password) + "\n");
            return ExitCode.Done;
        }));
        return command;
    }

    private static Argument<string> Arn() => new("ARN") { Description = "The principal, such as arn:aws:iam::222233334444:role/eks-node." };

    private static async Task<JsonArray> AllAsync(AccessClient client, string operation, string member, CancellationToken cancellationToken)
    {
        var all = new JsonArray();
        string? next = null;
        do
        {
            var page = await client.CallAsync(operation, next is null ? [] : new() { ["nextToken"] = next }, cancellationToken);
            foreach (var item in page[member]!.AsArray())
            {
                all.Add(item!.DeepClone());
            }

            next = (string?)page["nextToken"];
        }
        while (next is not null);
        return all;
    }

    private static string DescribePrincipal(JsonNode? principal)
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{(string)principal!["arn"]!}\n");
        foreach (var policy in principal["policies"]!.AsArray())
        {
            text.Append(CultureInfo.InvariantCulture, $"  policy {string.Join(' ', ((string)policy!).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))}\n");
        }

        foreach (var key in principal["accessKeys"]!.AsArray())
        {
            var expires = (decimal?)key!["expiresAt"] is { } at ? $", until {Time(at)}" : "";
            text.Append(CultureInfo.InvariantCulture, $"  key {(string)key["accessKeyId"]!} since {Time((decimal)key["createdAt"]!)}{expires}\n");
        }

        return text.ToString();
    }

    private static string DescribeRobot(JsonNode? robot) => $"robot {(string)robot!["name"]!}\n  policy {string.Join(", ", robot["policies"]!.AsArray().Select(policy => (string)policy!))}\n";

    private static string Time(decimal seconds) =>
        DateTimeOffset.FromUnixTimeMilliseconds((long)(seconds * 1000)).ToString("yyyy-MM-dd HH:mm'Z'", CultureInfo.InvariantCulture);

    private static async Task WriteAsync(Streams streams, string text)
    {
        await using var output = streams.Output();
        await output.WriteAsync(Encoding.UTF8.GetBytes(text));
    }
}
