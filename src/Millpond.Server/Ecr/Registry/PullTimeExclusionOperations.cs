using System.Text.Json.Nodes;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Ecr.Protocol;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Registry;

/// <summary>Principals whose pulls are not to count as use: kept and told again.</summary>
internal sealed class PullTimeExclusionOperations(ControlTables control)
{
    private const string Kind = "pull-time-exclusion";
    private const int Most = 100;
    private const string Remark = "Kept; pulls of those principals count all the same.";

    private static readonly AwsMember Arn = Text(0, 200, @"arn:aws(-[a-z]+)*:iam::[0-9]{12}:(role|user)/[\w+=,.@-]+(/[\w+=,.@-]+)*").Needed("principalArn");

    public IEnumerable<AwsOperation> All =>
    [
        new("RegisterPullTimeUpdateExclusion", Structure(Arn), RegisterAsync) { Support = AwsSupport.Stored, Note = Remark },
        new("DeregisterPullTimeUpdateExclusion", Structure(Arn), DeregisterAsync) { Support = AwsSupport.Stored, Note = Remark },
        new("ListPullTimeUpdateExclusions", Structure(EcrShapes.NextToken, Number(1, 100).As("maxResults")), ListAsync) { Support = AwsSupport.Stored, Note = Remark },
    ];

    private async ValueTask<JsonObject> RegisterAsync(AwsCall call)
    {
        var arn = call.Input.Text("principalArn");
        if ((await control.Settings.ListAsync(Kind, "", Most)).Count == Most)
        {
            throw new AwsErrorException("LimitExceededException", $"There are {Most} pull time update exclusions already.");
        }

        if (!await control.Settings.AddAsync(Kind, arn, "", call.Now))
        {
            throw new AwsErrorException("ExclusionAlreadyExistsException", $"The pull time update exclusion for '{arn}' already exists.");
        }

        return new() { ["principalArn"] = arn, ["createdAt"] = AwsJson.Time(call.Now) };
    }

    private async ValueTask<JsonObject> DeregisterAsync(AwsCall call)
    {
        var arn = call.Input.Text("principalArn");
        return await control.Settings.DeleteAsync(Kind, arn)
            ? new() { ["principalArn"] = arn }
            : throw new AwsErrorException("ExclusionNotFoundException", $"The pull time update exclusion for '{arn}' does not exist.");
    }

    private async ValueTask<JsonObject> ListAsync(AwsCall call)
    {
        var page = AwsPage.Of(call.Input);
        var found = await control.Settings.ListAsync(Kind, page.After, page.Limit + 1);
        return new JsonObject { ["pullTimeUpdateExclusions"] = AwsJson.List(found.Take(page.Limit).Select(row => row.Name)) }
            .With("nextToken", page.Next(found.Count, index => found[index].Name));
    }
}
