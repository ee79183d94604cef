using System.Text.Json;
using System.Text.Json.Nodes;
using Millpond.Server.Access;
using Millpond.Server.Access.Policies;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Catalog.Writes;
using Millpond.Server.Ecr.Lifecycle;
using Millpond.Server.Ecr.Protocol;
using Millpond.Server.Ecr.Repositories;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.CacheRules;

/// <summary>Templates for repositories that come into being by a pull or a push.</summary>
internal sealed class TemplateOperations(ControlTables control, string account)
{
    private const string Kind = NewRepositories.TemplateKind;
    private const string Root = NewRepositories.Root;

    private const string Remark = "Applied to the first pull's repositories and to those that a push makes. `customRoleArn` is kept, and needed for nothing; encryption is echoed.";

    /// <summary>What is kept as it was given.</summary>
    private static readonly string[] Kept =
    [
        "description", "encryptionConfiguration", "resourceTags", "imageTagMutability", "imageTagMutabilityExclusionFilters", "repositoryPolicy", "lifecyclePolicy", "appliedFor",
        "customRoleArn",
    ];

    private static readonly AwsMember Prefix = Text(1, 256, EcrShapes.PrefixPattern).Needed("prefix");
    private static readonly AwsShape AppliedFor = List(Choice("REPLICATION", "PULL_THROUGH_CACHE", "CREATE_ON_PUSH"), 0, 10);

    private static readonly AwsMember[] Members =
    [
        Text(0, 256).As("description"), Structure(Choice("AES256", "KMS", "KMS_DSSE").Needed("encryptionType"), Text(0, 2048).As("kmsKey")).As("encryptionConfiguration"),
        List(EcrShapes.Tag, 0, 50).As("resourceTags"), EcrShapes.Mutability.As("imageTagMutability"), EcrShapes.ExclusionFilters.As("imageTagMutabilityExclusionFilters"),
        EcrShapes.PolicyText.As("repositoryPolicy"), Text(0, 30720).As("lifecyclePolicy"), Text(0, 2048).As("customRoleArn"),
    ];

    public IEnumerable<AwsOperation> All =>
    [
        new("CreateRepositoryCreationTemplate", Structure([Prefix, .. Members, AppliedFor.Needed("appliedFor")]), CreateAsync) { Note = Remark },
        new(
            "DescribeRepositoryCreationTemplates",
            Structure(List(Text(1, 256, EcrShapes.PrefixPattern), 1, 100).As("prefixes"), EcrShapes.NextToken, EcrShapes.MaxResults),
            DescribeAsync) { Note = "The built-in one of the prefix `ROOT` is among them until there is another, or it was deleted." },
        new("UpdateRepositoryCreationTemplate", Structure([Prefix, .. Members, AppliedFor.As("appliedFor")]), UpdateAsync) { Note = "Repositories that are here already stay as they are." },
        new("DeleteRepositoryCreationTemplate", Structure(Prefix), DeleteAsync) { Note = "Of the prefix `ROOT`: the built-in one does not come back." },
    ];

    private async ValueTask<JsonObject> CreateAsync(AwsCall call)
    {
        var prefix = call.Input.Text("prefix");
        var template = Merge(new() { ["prefix"] = prefix, ["imageTagMutability"] = "MUTABLE" }, call.Input);
        return await control.Settings.AddAsync(Kind, Key(prefix), template.ToJsonString(), call.Now)
            ? Answer(template, new(Kind, Key(prefix), "", call.Now, call.Now))
            : throw new AwsErrorException("TemplateAlreadyExistsException", $"The repository creation template with the prefix '{prefix}' already exists in the registry with id '{account}'");
    }

    private async ValueTask<JsonObject> DescribeAsync(AwsCall call)
    {
        var page = AwsPage.Of(call.Input, without: "prefixes");
        List<SettingRow> found = [];
        if (call.Input.Has("prefixes"))
        {
            foreach (var prefix in call.Input.Texts("prefixes"))
            {
                found.AddRange(await FindAsync(Key(prefix)) is { } row ? [row] : []);
            }
        }
        else
        {
            found.AddRange(await control.Settings.ListAsync(Kind, page.After, page.Limit + 1));
            found.AddRange(string.CompareOrdinal(Root, page.After) > 0 && !found.Exists(row => row.Name == Root) && await FindAsync(Root) is { } root ? [root] : []);
            found.Sort((one, other) => string.CompareOrdinal(one.Name, other.Name));
        }

        return new JsonObject
        {
            ["registryId"] = account,
            ["repositoryCreationTemplates"] = AwsJson.List(found.Take(page.Limit).Select(row => Timed(Parse(row), row))),
        }.With("nextToken", page.Next(found.Count, index => found[index].Name));
    }

    private async ValueTask<JsonObject> UpdateAsync(AwsCall call)
    {
        var row = await GetAsync(call);
        var template = Merge(Parse(row), call.Input);
        await control.Settings.PutAsync(Kind, row.Name, template.ToJsonString(), call.Now);
        return Answer(template, row with { UpdatedAt = call.Now });
    }

    private async ValueTask<JsonObject> DeleteAsync(AwsCall call)
    {
        var row = await GetAsync(call);
        if (row.Name == Root)
        {
            // First: between the two there is the one that is deleted, or none, and never again the built-in one.
            await control.Settings.PutAsync(NewRepositories.SwitchedOffKind, Root, "", call.Now);
        }

        await control.Settings.DeleteAsync(Kind, row.Name);
        return Answer(Parse(row), row);
    }

    private async Task<SettingRow> GetAsync(AwsCall call)
    {
        var prefix = call.Input.Text("prefix");
        return await FindAsync(Key(prefix))
            ?? throw new AwsErrorException("TemplateNotFoundException", $"The repository creation template with the prefix '{prefix}' does not exist in the registry with id '{account}'");
    }

    /// <summary>One that was made, or the built-in one where it holds.</summary>
    private async ValueTask<SettingRow?> FindAsync(string key) =>
        await control.Settings.FindAsync(Kind, key)
        ?? (key == Root && await control.Settings.FindAsync(NewRepositories.SwitchedOffKind, Root) is null
            ? new(Kind, Root, CreationTemplate.BuiltIn, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch)
            : null);

    private static JsonObject Parse(SettingRow row) => (JsonObject)JsonNode.Parse(row.Value)!;

    private static string Key(string prefix) => prefix.TrimEnd('/');

    private static JsonObject Merge(JsonObject template, AwsInput input)
    {
        if (input.TextOrNull("repositoryPolicy") is { Length: > 0 } policy && !PolicyDocument.TryParse(policy, PolicyKind.Repository, out _, out var why))
        {
            throw new AwsErrorException(EcrShapes.Invalid(new("repositoryPolicy", $"Invalid repository policy: {why}")));
        }

        if (input.TextOrNull("lifecyclePolicy") is { Length: > 0 } lifecycle)
        {
            PolicyTexts.Parse(lifecycle);
        }

        RepositoryTags.Check(RepositoryTags.Of(input.Objects("resourceTags")));
        if (input.Has("imageTagMutability"))
        {
            // Those there are go with what they were given with.
            template.Remove("imageTagMutabilityExclusionFilters");
        }

        foreach (var name in Kept)
        {
            if (input.Members.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null)
            {
                template[name] = JsonNode.Parse(value.GetRawText());
            }
        }

        using var whole = JsonDocument.Parse(template.ToJsonString());
        new RepositorySettings().WithMutability(new(whole.RootElement));
        return template;
    }

    private static JsonObject Timed(JsonObject template, SettingRow row) =>
        template.With("createdAt", AwsJson.Time(row.CreatedAt)).With("updatedAt", AwsJson.Time(row.UpdatedAt));

    private JsonObject Answer(JsonObject template, SettingRow row) => new() { ["registryId"] = account, ["repositoryCreationTemplate"] = Timed(template, row) };
}
