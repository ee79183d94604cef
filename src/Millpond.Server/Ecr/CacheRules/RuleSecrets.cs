using Millpond.Server.Access;
using Millpond.Server.Credentials;
using Millpond.Server.Ecr.Protocol;

namespace Millpond.Server.Ecr.CacheRules;

/// <summary>Secrets that rules name: whether they are there, and whether who makes the rule may have them sent to its upstream.</summary>
/// <param name="aws">AWS's Secrets Manager, where rules may name secrets of it; null where not.</param>
internal sealed class RuleSecrets(SecretVault vault, AwsSecrets? aws, Authorizer authorizer)
{
    private const string ReadSecret = "secretsmanager:GetSecretValue";

    /// <summary>
    /// Whether it is one of AWS's. A rule sends the secret to its upstream. ECR knows those that it has; here anybody's host can be one, so who
    /// makes such a rule must be one who may read the secret.
    /// </summary>
    /// <exception cref="AwsErrorException">It is not there, or not for this caller.</exception>
    public async Task<bool> CheckAsync(AwsCall call, string? arn, string url)
    {
        if (arn is null)
        {
            return false;
        }

        var own = await vault.FindAsync(arn);
        if (own is null && aws is null)
        {
            throw Absent();
        }

        // Before anybody is asked: who may not read it learns nothing of it.
        if (!EcrUpstreams.IsKnown(url) && !(await authorizer.DecideAsync(call.Caller, ReadSecret, own?.Arn ?? arn, null, call.Origin, null)).IsAllowed)
        {
            throw new AwsErrorException("UnableToAccessSecretException", $"The rule would send the secret to {url}, and you have no right to read it ({ReadSecret})");
        }

        if (own is not null || aws is null)
        {
            return false;
        }

        return await aws.CheckAsync(arn, call.Cancellation) switch
        {
            AwsSecretOutcome.Found => true,
            AwsSecretOutcome.Absent => throw Absent(),
            AwsSecretOutcome.Undecryptable => throw new AwsErrorException(
                "UnableToDecryptSecretValueException", "The secret specified in the pull through cache rule was found in AWS Secrets Manager, and cannot be decrypted with its key"),
            AwsSecretOutcome.Refused or AwsSecretOutcome.Unreachable => throw new AwsErrorException(
                "UnableToAccessSecretException", "The secret specified in the pull through cache rule cannot be read from AWS Secrets Manager; the log of this server says why"),
        };
    }

    private static AwsErrorException Absent() => new("SecretNotFoundException", "The ARN of the secret specified in the pull through cache rule was not found");
}
