using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Server.Access;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Ecr.Protocol;
using Millpond.Server.Rules;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Repositories;

/// <summary>Repositories: made, described and deleted.</summary>
internal sealed class RepositoryOperations(RepositoryFinder repositories, CatalogDatabase catalog, Authorizer authorizer, EcrConfiguration ecr, Principals principals)
{
    private const int TakenApartAtOnce = 200;
    private const int Scanned = 500;

    public IEnumerable<AwsOperation> All =>
    [
        new(
            "CreateRepository",
            Structure(
                EcrShapes.RegistryId, EcrShapes.RepositoryName, List(EcrShapes.Tag).As("tags"), EcrShapes.Mutability.As("imageTagMutability"),
                EcrShapes.ExclusionFilters.As("imageTagMutabilityExclusionFilters"), EcrShapes.Scanning.As("imageScanningConfiguration"),
                EcrShapes.Encryption.As("encryptionConfiguration")),
            CreateAsync)
        {
            Resources = repositories.Named,
            Tags = input => RepositoryTags.Of(input.Objects("tags")),
            Note = "Encryption and scanning are kept and told again.",
        },
        new(
            "DescribeRepositories",
            Structure(EcrShapes.RegistryId, List(Text(2, 256, EcrShapes.NamePattern), 1, 100).As("repositoryNames"), EcrShapes.NextToken, EcrShapes.MaxResults),
            DescribeAsync)
        {
            Resources = call => call.Input.Has("repositoryNames")
                ? call.Input.Texts("repositoryNames").Select(name => AwsResource.OfRepository(authorizer, repositories.Canonical(RepositoryName.Parse(name)).ToString()))
                : [new(authorizer.ArnOf("*"), null)],
        },
        new("DeleteRepository", Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName, AwsShape.Boolean.As("force")), DeleteAsync) { Resources = repositories.Named },
    ];

    private async ValueTask<JsonObject> CreateAsync(AwsCall call)
    {
        var input = call.Input;
        var asked = RepositoryName.Parse(input.Text("repositoryName"));
        var tags = RepositoryTags.Of(input.Objects("tags"));
        RepositoryTags.Check(tags);
        var encryption = input.Structure("encryptionConfiguration");
        var settings = new RepositorySettings
        {
            CreatedAt = call.Now,
            ScanOnPush = input.Structure("imageScanningConfiguration")?.Flag("scanOnPush") ?? false,
            EncryptionType = encryption?.Text("encryptionType") ?? "AES256",
            KmsKey = encryption?.TextOrNull("kmsKey"),
        }.WithMutability(input);
        var resolution = repositories.Resolve(asked);
        var name = resolution.Match?.Repository ?? asked;

        // Under a rule's prefix it is a cache that is made before its first pull; under ROOT or no rule it is one of this server's own.
        var at = resolution switch
        {
            { MayBeLocal: true } => OriginRepository.Own(name),
            { Verdict: RuleVerdict.Matched, Match: { } target } => repositories.AtOf(target),
            _ => throw new AwsErrorException(AwsError.InvalidParameter($"Invalid parameter at 'repositoryName' failed to satisfy constraint: '{resolution.Reason}'")),
        };
        var kept = new Dictionary<string, string> { [RepositorySettings.Kind] = settings.ToText() };
        if (tags.Count > 0)
        {
            kept[ResourceTags.Kind] = ResourceTags.ToText(tags);
        }

        if (await repositories.FindAsync(name) is not null || !await catalog.Contents.MakeRepositoryAsync(at, call.Now, kept))
        {
            throw new AwsErrorException(
                "RepositoryAlreadyExistsException", $"The repository with name '{name}' already exists in the registry with id '{ecr.Account}'");
        }

        principals.Forget();
        return new() { ["repository"] = await DescribeAsync(call, new(at, resolution.Match, call.Now)) };
    }

    private async ValueTask<JsonObject> DescribeAsync(AwsCall call)
    {
        if (call.Input.Has("repositoryNames"))
        {
            AwsPage.Of(call.Input, without: "repositoryNames");
            var named = new List<JsonObject>();
            foreach (var name in call.Input.Texts("repositoryNames"))
            {
                named.Add(await DescribeAsync(call, await repositories.GetAsync(name)));
            }

            return new() { ["repositories"] = AwsJson.List(named) };
        }

        var page = AwsPage.Of(call.Input);
        var found = await PageAsync(page.After, page.Limit + 1);
        var described = new List<JsonObject>();
        foreach (var repository in found.Take(page.Limit))
        {
            described.Add(await DescribeAsync(call, repository));
        }

        return new JsonObject { ["repositories"] = AwsJson.List(described) }.With("nextToken", page.Next(found.Count, index => found[index].Name));
    }

    private async ValueTask<List<FoundRepository>> PageAsync(string after, int limit)
    {
        var found = new List<FoundRepository>();
        var rows = await catalog.ListRepositoriesAsync(after, Scanned);
        while (true)
        {
            foreach (var row in rows)
            {
                if (await repositories.OfListAsync(row) is { } repository && (found.Count == 0 || found[^1].Name != repository.Name))
                {
                    found.Add(repository);
                    if (found.Count == limit)
                    {
                        return found;
                    }
                }
            }

            if (rows.Count < Scanned)
            {
                return found;
            }

            rows = await catalog.ListRepositoriesAsync(rows[^1].Name.ToString(), rows[^1].Origin, Scanned);
        }
    }

    private async ValueTask<JsonObject> DeleteAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(call);
        if (!call.Input.Flag("force") && await catalog.Control.Images.HasImagesAsync(repository.At))
        {
            throw new AwsErrorException(
                "RepositoryNotEmptyException",
                $"The repository with name '{repository.Name}' in registry with id '{ecr.Account}' cannot be deleted because it still contains images");
        }

        var description = await DescribeAsync(call, repository);
        while (await catalog.Contents.TakeApartAsync(repository.At, TakenApartAtOnce, RepositorySettings.Kinds))
        {
            // Little by little, so that pulls of others come between.
        }

        principals.Forget();
        return new() { ["repository"] = description };
    }

    private async ValueTask<JsonObject> DescribeAsync(AwsCall call, FoundRepository repository)
    {
        var settings = await RepositorySettings.ReadAsync(catalog.Control, repository.Name);
        return new JsonObject
        {
            ["repositoryArn"] = authorizer.ArnOf(repository.Name),
            ["registryId"] = ecr.Account,
            ["repositoryName"] = repository.Name,
            ["repositoryUri"] = $"{call.RegistryUrl.Authority}/{repository.Name}",
            ["createdAt"] = AwsJson.Time(settings.CreatedAt ?? repository.MadeAt),
            ["imageTagMutability"] = settings.Mutability,
        }
            .With("imageTagMutabilityExclusionFilters", settings.ToFilters())
            .With("imageScanningConfiguration", new JsonObject { ["scanOnPush"] = settings.ScanOnPush })
            .With("encryptionConfiguration", settings.ToEncryption());
    }
}
