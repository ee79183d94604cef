using System.Text.Json.Nodes;
using Millpond.Server.Access;
using Millpond.Server.Access.Policies;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Ecr.Protocol;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Logins;

/// <summary>Logins by password, and the key of all that is sealed: our own operations, behind <c>millpond access</c>.</summary>
internal sealed class RobotOperations(Robots robots, Principals principals, ControlTables control, KeyRing ring)
{
    private static readonly AwsMember Name = Text(1, 64).Needed("name");

    public IEnumerable<AwsOperation> All =>
    [
        new("CreateRobot", Structure(Name, List(Text(1, 128), 1, 10).Needed("policies")), CreateAsync) { Note = "Makes the password too; the same name again gets another." },
        new("ListRobots", Structure(EcrShapes.NextToken, EcrShapes.MaxResults), ListAsync),
        new("DeleteRobot", Structure(Name), DeleteAsync),
        new("RotateSealingKey", Structure(), RotateAsync) { Note = "Seals everything anew with another key." },
    ];

    private async ValueTask<JsonObject> CreateAsync(AwsCall call)
    {
        var name = call.Input.Text("name");
        var policies = call.Input.Texts("policies").Select(ManagedPolicies.NameOf).ToList();
        if (!Robot.IsName(name) || policies.Contains(null))
        {
            throw new AwsErrorException(AwsError.InvalidParameter(
                $"A robot has a name of letters, digits and ._- (not {Robot.TokenUser}) and some of the policies {string.Join(", ", ManagedPolicies.Names)}."));
        }

        var password = AccessNames.NewSecret();
        await robots.PutAsync(new(name, PasswordHash.OfRandom(password), [.. policies.OfType<string>()]));
        principals.Forget();
        return new() { ["name"] = name, ["password"] = password, ["policies"] = AwsJson.List(policies.OfType<string>()) };
    }

    private async ValueTask<JsonObject> ListAsync(AwsCall call)
    {
        var page = AwsPage.Of(call.Input);
        var found = await robots.ListAsync(page.After, page.Limit + 1);
        return new JsonObject
        {
            ["robots"] = AwsJson.List(found.Take(page.Limit).Select(robot => new JsonObject { ["name"] = robot.Name, ["policies"] = AwsJson.List(robot.Policies) })),
        }.With("nextToken", page.Next(found.Count, index => found[index].Name));
    }

    private async ValueTask<JsonObject> DeleteAsync(AwsCall call)
    {
        var name = call.Input.Text("name");
        if (!await robots.DeleteAsync(name))
        {
            throw new AwsErrorException("RobotNotFoundException", "There is no such robot; those of the file are changed there.");
        }

        principals.Forget();
        return new() { ["name"] = name };
    }

    private async ValueTask<JsonObject> RotateAsync(AwsCall call)
    {
        ring.Rotate();
        var count = await control.Sealed.ResealAsync((purpose, content) => ring.Seal(purpose, ring.Open(purpose, content)));
        principals.Forget();
        return new() { ["sealed"] = count, ["isOwnKey"] = ring.IsOwn };
    }
}
