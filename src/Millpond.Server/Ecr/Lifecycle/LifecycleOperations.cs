using System.Text.Json.Nodes;
using Millpond.Server.Access;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Catalog.Expiry;
using Millpond.Server.Ecr.Protocol;
using Millpond.Server.Ecr.Repositories;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Lifecycle;

/// <summary>Policies of repositories: put, told and deleted.</summary>
internal sealed class LifecycleOperations(RepositoryFinder repositories, ControlTables control, LifecycleTable lifecycle, string account)
{
    public IEnumerable<AwsOperation> All =>
    [
        new(
            "PutLifecyclePolicy",
            Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName, Text(100, 30720).Needed("lifecyclePolicyText")),
            PutAsync) { Resources = repositories.Named, Note = "`sinceImagePulled` may also `expire`." },
        new("GetLifecyclePolicy", Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName), GetAsync) { Resources = repositories.Named },
        new("DeleteLifecyclePolicy", Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName), DeleteAsync) { Resources = repositories.Named },
    ];

    public async Task<SettingRow> FindAsync(FoundRepository repository) =>
        await control.Settings.FindAsync(RepositorySettings.LifecycleKind, repository.Name)
        ?? throw new AwsErrorException(
            "LifecyclePolicyNotFoundException",
            $"Lifecycle policy does not exist for the repository with name '{repository.Name}' in the registry with id '{account}'");

    private async ValueTask<JsonObject> PutAsync(AwsCall call)
    {
        var (repository, text) = (await repositories.GetAsync(call), call.Input.Text("lifecyclePolicyText"));
        PolicyTexts.Parse(text);
        await control.Settings.PutAsync(RepositorySettings.LifecycleKind, repository.Name, text, call.Now);
        return Answer(repository, text);
    }

    private async ValueTask<JsonObject> GetAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(call);
        return await EvaluatedAsync(repository, await FindAsync(repository));
    }

    private async ValueTask<JsonObject> DeleteAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(call);
        var answer = await EvaluatedAsync(repository, await FindAsync(repository));
        await control.Settings.DeleteAsync(RepositorySettings.LifecycleKind, repository.Name);
        return answer;
    }

    /// <summary>One that was put after the last run was never evaluated.</summary>
    private async Task<JsonObject> EvaluatedAsync(FoundRepository repository, SettingRow row)
    {
        var at = await lifecycle.FindEvaluatedAsync(repository.Name);
        return Answer(repository, row.Value).With("lastEvaluatedAt", at >= row.UpdatedAt ? AwsJson.Time(at.Value) : null);
    }

    private JsonObject Answer(FoundRepository repository, string text) =>
        new() { ["registryId"] = account, ["repositoryName"] = repository.Name, ["lifecyclePolicyText"] = text };
}
