using System.Collections.Immutable;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Credentials;
using Millpond.Server.Ecr.Protocol;

namespace Millpond.Server.Ecr.Secrets;

/// <summary>Which version of a secret has which label after a new one has come.</summary>
internal sealed class SecretVersions(SecretVault vault, ControlTables control)
{
    /// <summary>Versions without a label are kept for a while, as on AWS, and are not many.</summary>
    private const int MostWithoutLabel = 20;

    private const int MostLabels = 20;

    /// <summary>Puts a version. The same again under the same id is no change; another value under it is refused.</summary>
    /// <param name="stages">The labels that it takes from others.</param>
    public async Task<SecretVersionRow> AddAsync(SecretRow secret, string id, SecretValue value, IReadOnlyList<string> stages)
    {
        var versions = await control.Secrets.VersionsAsync(secret.Arn);
        if (versions.FirstOrDefault(version => version.VersionId == id) is { } same)
        {
            return IsSame(vault.Open(same), value)
                ? same
                : throw new AwsErrorException("ResourceExistsException", "You can't use ClientRequestToken because that value is already in use for a version of this secret.");
        }

        var added = vault.Seal(secret.Arn, id, value, [.. stages.Distinct()]);
        var changed = Moved(versions, added.Stages);
        var dropped = versions.Where(version => version.Stages.Count == 0 && !changed.Any(other => other.VersionId == version.VersionId)).Skip(MostWithoutLabel);
        await PutAsync(secret, [.. changed, added], [.. dropped.Select(version => version.VersionId)]);
        return added;
    }

    /// <summary>Moves a label from one version to another, or takes it away.</summary>
    public async Task MoveAsync(SecretRow secret, string stage, string? from, string? to)
    {
        var versions = await control.Secrets.VersionsAsync(secret.Arn);
        var holder = versions.FirstOrDefault(version => version.Stages.Contains(stage));
        if (holder?.VersionId != from && (holder is not null || from is not null))
        {
            throw new AwsErrorException("InvalidParameterException", "The parameter RemoveFromVersionId must be the version that has the staging label.");
        }

        if (to is null)
        {
            if (stage == SecretVault.Current)
            {
                throw new AwsErrorException("InvalidParameterException", "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.");
            }

            await PutAsync(secret, holder is null ? [] : [holder with { Stages = [.. holder.Stages.Where(held => held != stage)] }], []);
            return;
        }

        var target = versions.FirstOrDefault(version => version.VersionId == to) ?? throw SecretShapes.NotFound("Secrets Manager can't find the specified secret version.");
        var changed = Moved([.. versions.Where(version => version.VersionId != to)], [stage]);
        var stages = target.Stages.Where(held => stage != SecretVault.Current || held != SecretVault.Previous).Append(stage).Distinct();
        await PutAsync(secret, [.. changed, target with { Stages = [.. stages] }], []);
    }

    /// <summary>Versions that lose a label to a new one; the one that was current becomes the previous.</summary>
    private static List<SecretVersionRow> Moved(IReadOnlyList<SecretVersionRow> versions, IReadOnlyList<string> taken)
    {
        var isNewCurrent = taken.Contains(SecretVault.Current);
        var changed = new List<SecretVersionRow>();
        foreach (var version in versions)
        {
            var wasCurrent = isNewCurrent && version.Stages.Contains(SecretVault.Current);
            var left = version.Stages.Where(stage => !taken.Contains(stage) && !(isNewCurrent && stage == SecretVault.Previous)).ToList();
            if (wasCurrent)
            {
                left.Add(SecretVault.Previous);
            }

            if (!left.ToHashSet().SetEquals(version.Stages))
            {
                changed.Add(version with { Stages = left });
            }
        }

        // The label's new holder is written last.
        return [.. changed.OrderBy(version => version.Stages.Contains(SecretVault.Previous))];
    }

    private static bool IsSame(SecretValue one, SecretValue other) =>
        one.Text == other.Text && (one.Bytes ?? []).AsSpan().SequenceEqual(other.Bytes ?? []);

    private async Task PutAsync(SecretRow secret, IReadOnlyList<SecretVersionRow> versions, IReadOnlyCollection<string> dropped)
    {
        if (versions.Any(version => version.Stages.Count > MostLabels))
        {
            throw new AwsErrorException("LimitExceededException", $"A version of a secret has at most {MostLabels} staging labels.");
        }

        if (!await control.Secrets.PutAsync(secret, versions, dropped))
        {
            throw new AwsErrorException("ResourceExistsException", $"The operation failed because the secret {secret.Name} already exists.");
        }

        vault.Forget(secret.Arn);
    }
}
