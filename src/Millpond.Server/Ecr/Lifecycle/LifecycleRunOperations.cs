using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Server.Catalog.Expiry;
using Millpond.Server.Ecr.Protocol;
using Millpond.Server.Ecr.Repositories;
using Millpond.Server.Lifecycle;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Lifecycle;

/// <summary>Runs of policies, and what the availability guard holds: our own operations, behind <c>millpond lifecycle</c>.</summary>
internal sealed class LifecycleRunOperations(RepositoryFinder repositories, LifecycleOperations policies, LifecycleServices lifecycle, HeldTable held, TimeProvider time)
{
    /// <summary>How long a call waits for its run; the caller asks again, and waits for the same.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    private static readonly AwsMember Name = Text(2, 256, EcrShapes.NamePattern).As("repositoryName");

    public IEnumerable<AwsOperation> All =>
    [
        new("RunLifecycle", Structure(Name, AwsShape.Boolean.As("force")), RunAsync)
        {
            Note = "Of one repository now, or of all in the background; `force` takes what is held too.",
        },
        new("ListHeldImages", Structure(Name, EcrShapes.NextToken, EcrShapes.MaxResults), ListAsync) { Note = "What a policy would have go, and why it stays." },
    ];

    private async ValueTask<JsonObject> RunAsync(AwsCall call)
    {
        var force = call.Input.Flag("force");
        if (call.Input.TextOrNull("repositoryName") is not { } name)
        {
            if (force)
            {
                throw new AwsErrorException(AwsError.InvalidParameter("Name the repository whose held images are to go: force is for one at a time."));
            }

            await lifecycle.RunAllAsync();
            return new() { ["isRunning"] = true };
        }

        var repository = await repositories.GetAsync(name);
        await policies.FindAsync(repository);
        var run = lifecycle.RunAsync(repository.Name, force, call.Cancellation);
        try
        {
            var outcome = await run.WaitAsync(Longest, time, call.Cancellation);
            return new()
            {
                ["repositoryName"] = repository.Name,
                ["isRunning"] = false,
                ["expired"] = outcome.Expired,
                ["archived"] = outcome.Archived,
                ["held"] = outcome.Held,
                ["left"] = outcome.Left,
            };
        }
        catch (TimeoutException)
        {
            return new() { ["repositoryName"] = repository.Name, ["isRunning"] = true };
        }
    }

    private async ValueTask<JsonObject> ListAsync(AwsCall call)
    {
        var name = call.Input.TextOrNull("repositoryName");
        var canonical = name is null ? null : repositories.Canonical(RepositoryName.Parse(name)).ToString();
        var page = AwsPage.Of(call.Input);
        var rows = await held.ListAsync(canonical, ReadKey(page.After), page.Limit + 1);
        return new JsonObject
        {
            ["heldImages"] = AwsJson.List(rows.Take(page.Limit).Select(row => new JsonObject
            {
                ["repositoryName"] = row.At.Name.ToString(),
                ["imageDigest"] = row.Digest.ToString(),
                ["rulePriority"] = row.Priority,
                ["reason"] = row.Reason,
                ["heldSince"] = AwsJson.Time(row.Since),
                ["lastAskedAt"] = AwsJson.Time(row.AskedAt),
                ["nextAskedAt"] = AwsJson.Time(row.NextAt),
            })),
        }.With("nextToken", page.Next(rows.Count, index => $"{rows[index].At.Name} {rows[index].At.Origin.Id} {rows[index].Digest}"));
    }

    private static (string, long, string) ReadKey(string token) => token.Split(' ') switch
    {
        [""] => ("", long.MinValue, ""),
        [var name, var origin, var digest] when long.TryParse(origin, System.Globalization.CultureInfo.InvariantCulture, out var id) => (name, id, digest),
        _ => throw new AwsErrorException(AwsError.InvalidParameter("Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid next token'")),
    };
}
