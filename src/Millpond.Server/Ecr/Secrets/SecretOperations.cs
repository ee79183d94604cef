using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Credentials;
using Millpond.Server.Ecr.Protocol;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Secrets;

/// <summary>Secrets: made, changed, tagged, deleted and brought back.</summary>
internal sealed class SecretOperations(SecretFinder secrets, SecretVault vault, SecretVersions versions, ControlTables control)
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    private const int UsualWindow = 30;
    private const int MostTags = 50;

    public IEnumerable<AwsOperation> All =>
    [
        new(
            "CreateSecret",
            Structure(
                Text(1, 512, "[A-Za-z0-9/_+=.@-]+").Needed("Name"), SecretShapes.Token, SecretShapes.Description, SecretShapes.Key, SecretShapes.String,
                SecretShapes.Binary, SecretShapes.Tags.As("Tags")),
            CreateAsync)
        {
            Resources = call => [new(secrets.ArnOf(call.Input.Text("Name")), null)],
            Tags = input => TagsOf(input, "Tags"),
            Note = "`KmsKeyId` is kept; the server's own key seals.",
        },
        new(
            "UpdateSecret",
            Structure(SecretShapes.Id, SecretShapes.Token, SecretShapes.Description, SecretShapes.Key, SecretShapes.String, SecretShapes.Binary),
            UpdateAsync) { Resources = secrets.Named },
        new(
            "DeleteSecret",
            Structure(SecretShapes.Id, Number(7, 30).As("RecoveryWindowInDays"), AwsShape.Boolean.As("ForceDeleteWithoutRecovery")),
            DeleteAsync) { Resources = secrets.Named },
        new("RestoreSecret", Structure(SecretShapes.Id), RestoreAsync) { Resources = secrets.Named },
        new("TagResource", Structure(SecretShapes.Id, SecretShapes.Tags.Needed("Tags")), TagAsync) { Resources = secrets.Named, Tags = input => TagsOf(input, "Tags") },
        new("UntagResource", Structure(SecretShapes.Id, List(Text(1, 128), 0, 50).Needed("TagKeys")), UntagAsync) { Resources = secrets.Named },
    ];

    private static Dictionary<string, string> TagsOf(AwsInput input, string name)
    {
        var tags = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var tag in input.Objects(name))
        {
            tags[tag.Text("Key")] = tag.Text("Value");
        }

        return tags;
    }

    private async ValueTask<JsonObject> CreateAsync(AwsCall call)
    {
        var name = call.Input.Text("Name");
        var value = SecretShapes.ValueOf(call.Input);
        var id = call.Input.TextOrNull("ClientRequestToken") ?? Guid.NewGuid().ToString();
        if (await vault.FindAsync(name) is { } existing)
        {
            return await AgainAsync(existing, id, value);
        }

        var details = new SecretDetails(call.Input.TextOrNull("Description"), call.Input.TextOrNull("KmsKeyId"), ImmutableSortedDictionary<string, string>.Empty)
            .Tagged(call.Input.Objects("Tags"));
        var arn = $"{secrets.ArnOf(name)}-{RandomNumberGenerator.GetString(Alphabet, 6)}";
        var secret = new SecretRow(arn, name, details.ToString(), call.Now, call.Now, null, null);
        if (value is not null)
        {
            await versions.AddAsync(secret, id, value, [SecretVault.Current]);
        }
        else if (!await control.Secrets.PutAsync(secret, [], []))
        {
            throw Exists(name);
        }

        return Answer(secret, value is null ? null : id);
    }

    /// <summary>A client that did not hear the answer asks again: the same is no error.</summary>
    private async ValueTask<JsonObject> AgainAsync(SecretRow existing, string id, SecretValue? value)
    {
        if (existing.DeletedAt is not null)
        {
            throw SecretShapes.InvalidRequest("You can't create this secret because a secret with this name is already scheduled for deletion.");
        }

        return value is not null && (await control.Secrets.VersionsAsync(existing.Arn)).Any(version => version.VersionId == id)
            ? Answer(existing, (await versions.AddAsync(existing, id, value, [SecretVault.Current])).VersionId)
            : throw Exists(existing.Name);
    }

    private async ValueTask<JsonObject> UpdateAsync(AwsCall call)
    {
        var secret = await secrets.GetLiveAsync(call);
        var details = SecretDetails.Of(secret);
        details = details with
        {
            Description = call.Input.TextOrNull("Description") ?? details.Description,
            KmsKeyId = call.Input.TextOrNull("KmsKeyId") ?? details.KmsKeyId,
        };
        secret = secret with { Details = details.ToString(), ChangedAt = call.Now };
        if (SecretShapes.ValueOf(call.Input) is { } value)
        {
            var added = await versions.AddAsync(secret, call.Input.TextOrNull("ClientRequestToken") ?? Guid.NewGuid().ToString(), value, [SecretVault.Current]);
            return Answer(secret, added.VersionId);
        }

        await control.Secrets.PutAsync(secret, [], []);
        return Answer(secret, null);
    }

    private async ValueTask<JsonObject> DeleteAsync(AwsCall call)
    {
        var (isForced, window) = (call.Input.Flag("ForceDeleteWithoutRecovery"), call.Input.NumberOrNull("RecoveryWindowInDays"));
        if (isForced && window is not null)
        {
            throw new AwsErrorException("InvalidParameterException", "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.");
        }

        var secret = isForced ? await secrets.GetAsync(call) : await secrets.GetLiveAsync(call);
        var date = isForced ? call.Now : call.Now.AddDays(window ?? UsualWindow);
        if (isForced)
        {
            await control.Secrets.DeleteAsync(secret.Arn);
        }
        else
        {
            await control.Secrets.PutAsync(secret with { DeletedAt = call.Now, DeletionDate = date }, [], []);
        }

        vault.Forget(secret.Arn);
        return Answer(secret, null).With("DeletionDate", AwsJson.Time(date));
    }

    private async ValueTask<JsonObject> RestoreAsync(AwsCall call)
    {
        var secret = await secrets.GetAsync(call);
        await control.Secrets.PutAsync(secret with { DeletedAt = null, DeletionDate = null }, [], []);
        vault.Forget(secret.Arn);
        return Answer(secret, null);
    }

    private async ValueTask<JsonObject> TagAsync(AwsCall call)
    {
        var secret = await secrets.GetLiveAsync(call);
        var details = SecretDetails.Of(secret).Tagged(call.Input.Objects("Tags"));
        if (details.Tags.Count > MostTags)
        {
            throw new AwsErrorException("InvalidParameterException", $"A secret has at most {MostTags} tags.");
        }

        await control.Secrets.PutAsync(secret with { Details = details.ToString() }, [], []);
        return [];
    }

    private async ValueTask<JsonObject> UntagAsync(AwsCall call)
    {
        var secret = await secrets.GetLiveAsync(call);
        var details = SecretDetails.Of(secret);
        await control.Secrets.PutAsync(secret with { Details = (details with { Tags = details.Tags.RemoveRange(call.Input.Texts("TagKeys")) }).ToString() }, [], []);
        return [];
    }

    private static AwsErrorException Exists(string name) => new("ResourceExistsException", $"The operation failed because the secret {name} already exists.");

    private static JsonObject Answer(SecretRow secret, string? version) => new JsonObject { ["ARN"] = secret.Arn, ["Name"] = secret.Name }.With("VersionId", version);
}
