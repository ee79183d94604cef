using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Server.Access;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Ecr.Protocol;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Repositories;

/// <summary>Tags of repositories, as resources of AWS have them: nothing to do with images' tags.</summary>
internal sealed class RepositoryTags(RepositoryFinder repositories, ControlTables control, Authorizer authorizer, Principals principals)
{
    private const int Most = 50;
    private const string Reserved = "aws:";

    private static readonly AwsMember Arn = Text(1, 2048).Needed("resourceArn");

    public IEnumerable<AwsOperation> All =>
    [
        new("ListTagsForResource", Structure(Arn), ListAsync) { Resources = Named },
        new("TagResource", Structure(Arn, List(EcrShapes.Tag).Needed("tags")), TagAsync) { Resources = Named, Tags = input => Of(input.Objects("tags")) },
        new("UntagResource", Structure(Arn, List(Text(1, 128)).Needed("tagKeys")), UntagAsync) { Resources = Named },
    ];

    public static Dictionary<string, string> Of(IEnumerable<AwsInput> tags)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var tag in tags)
        {
            found[tag.Text("Key")] = tag.Text("Value");
        }

        return found;
    }

    /// <exception cref="AwsErrorException">There are too many, or one is AWS's own.</exception>
    public static void Check(IReadOnlyDictionary<string, string> tags)
    {
        if (tags.Keys.Any(key => key.StartsWith(Reserved, StringComparison.OrdinalIgnoreCase)))
        {
            throw new AwsErrorException("InvalidTagParameterException", "A tag's key may not begin with aws:.");
        }

        if (tags.Count > Most)
        {
            throw new AwsErrorException("TooManyTagsException", $"A repository has at most {Most} tags.");
        }
    }

    private IEnumerable<AwsResource> Named(AwsCall call) => [AwsResource.OfRepository(authorizer, repositories.Canonical(RepositoryName.Parse(NameOf(call))).ToString())];

    /// <summary>The repository of an ARN of this registry.</summary>
    private string NameOf(AwsCall call)
    {
        var (arn, prefix) = (call.Input.Text("resourceArn"), authorizer.ArnOf(""));
        return arn.StartsWith(prefix, StringComparison.Ordinal) && RepositoryName.TryParse(arn[prefix.Length..], out var name)
            ? name.ToString()
            : throw new AwsErrorException(AwsError.InvalidParameter("Invalid parameter at 'resourceArn' failed to satisfy constraint: 'it must be the ARN of a repository of this registry'"));
    }

    private async ValueTask<JsonObject> ListAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(NameOf(call));
        var tags = await ResourceTags.ReadAsync(control, repository.Name);
        return new()
        {
            ["tags"] = AwsJson.List(tags.OrderBy(tag => tag.Key, StringComparer.Ordinal).Select(tag => new JsonObject { ["Key"] = tag.Key, ["Value"] = tag.Value })),
        };
    }

    private async ValueTask<JsonObject> TagAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(NameOf(call));
        var tags = new Dictionary<string, string>(await ResourceTags.ReadAsync(control, repository.Name));
        foreach (var (key, value) in Of(call.Input.Objects("tags")))
        {
            tags[key] = value;
        }

        Check(tags);
        await ResourceTags.WriteAsync(control, repository.Name, tags, call.Now);
        principals.Forget();
        return [];
    }

    private async ValueTask<JsonObject> UntagAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(NameOf(call));
        var tags = new Dictionary<string, string>(await ResourceTags.ReadAsync(control, repository.Name));
        foreach (var key in call.Input.Texts("tagKeys"))
        {
            tags.Remove(key);
        }

        await ResourceTags.WriteAsync(control, repository.Name, tags, call.Now);
        principals.Forget();
        return [];
    }
}
