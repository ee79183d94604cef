using System.Text.Json.Nodes;
using Millpond.Server.Access;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Ecr.Protocol;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Repositories;

/// <summary>Settings of a repository: whether its tags may move, and scanning, which is kept and told again.</summary>
internal sealed class RepositorySettingOperations(RepositoryFinder repositories, ControlTables control, string account)
{
    public IEnumerable<AwsOperation> All =>
    [
        new(
            "PutImageTagMutability",
            Structure(
                EcrShapes.RegistryId, EcrShapes.RepositoryName, EcrShapes.Mutability.Needed("imageTagMutability"),
                EcrShapes.ExclusionFilters.As("imageTagMutabilityExclusionFilters")),
            PutMutabilityAsync) { Resources = repositories.Named, Note = "Held against pushes; what upstream moves, a cache follows." },
        new(
            "PutImageScanningConfiguration",
            Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName, EcrShapes.Scanning.Needed("imageScanningConfiguration")),
            PutScanningAsync) { Resources = repositories.Named, Support = AwsSupport.Stored, Note = "Nothing is scanned." },
        new("BatchGetRepositoryScanningConfiguration", Structure(List(Text(2, 256, EcrShapes.NamePattern), 1, 25).Needed("repositoryNames")), BatchGetScanningAsync)
        {
            Support = AwsSupport.Stored, Note = "Nothing is scanned.",
        },
    ];

    private async ValueTask<JsonObject> PutMutabilityAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(call);
        var settings = (await RepositorySettings.ReadAsync(control, repository.Name)).WithMutability(call.Input);
        await settings.WriteAsync(control, repository.Name, call.Now);
        return new JsonObject { ["registryId"] = account, ["repositoryName"] = repository.Name, ["imageTagMutability"] = settings.Mutability }
            .With("imageTagMutabilityExclusionFilters", settings.ToFilters());
    }

    private async ValueTask<JsonObject> PutScanningAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(call);
        var scans = call.Input.Structure("imageScanningConfiguration")!.Value.Flag("scanOnPush");
        await ((await RepositorySettings.ReadAsync(control, repository.Name)) with { ScanOnPush = scans }).WriteAsync(control, repository.Name, call.Now);
        return new()
        {
            ["registryId"] = account,
            ["repositoryName"] = repository.Name,
            ["imageScanningConfiguration"] = new JsonObject { ["scanOnPush"] = scans },
        };
    }

    private async ValueTask<JsonObject> BatchGetScanningAsync(AwsCall call)
    {
        var (found, failures) = (new List<JsonObject>(), new List<JsonObject>());
        foreach (var name in call.Input.Texts("repositoryNames"))
        {
            if (await repositories.FindAsync(Images.RepositoryName.Parse(name)) is not { } repository)
            {
                failures.Add(new() { ["repositoryName"] = name, ["failureCode"] = "REPOSITORY_NOT_FOUND", ["failureReason"] = repositories.NotFound(name).Message });
                continue;
            }

            var settings = await RepositorySettings.ReadAsync(control, repository.Name);
            found.Add(new()
            {
                ["repositoryName"] = repository.Name,
                ["scanOnPush"] = settings.ScanOnPush,
                ["scanFrequency"] = settings.ScanOnPush ? "SCAN_ON_PUSH" : "MANUAL",
                ["appliedScanFilters"] = new JsonArray(),
            });
        }

        return new() { ["scanningConfigurations"] = AwsJson.List(found), ["failures"] = AwsJson.List(failures) };
    }
}
