using Millpond.Images;
using Millpond.Server.Configuration.Sources;
using static Millpond.Server.Configuration.ConfigurationKeys;

namespace Millpond.Server.Configuration.Assembling;

/// <summary>Where a rule's credential comes from: one of four places, and whether what is there can be so.</summary>
internal sealed class CredentialAssembly(Draft draft, IReadOnlyDictionary<string, string> environment)
{
    public static bool IsGiven(Settings rule) => Places(rule) > 0;

    public static CredentialSource? Of(Settings rule) => IsGiven(rule)
        ? new(rule.Get(CredentialFile), rule.Get(CredentialUsernameEnv), rule.Get(CredentialTokenEnv), rule.Get(CredentialSecretArn), rule.Get(CredentialAwsSecretArn))
        : null;

    public void Check(Settings rule, string prefix, Preset? preset)
    {
        var has = IsGiven(rule);
        if (preset is { Tier: Tier.OptIn } && !has && !rule.IsGiven(RuleAnonymous) && !draft.AnonymousByFlag.Contains(rule))
        {
            Mistake(
                rule.Origin, $"The rule '{prefix}' is for {preset.UpstreamName}, which wants {preset.Credential}",
                "Write credential: {file: …} and allow:, or anonymous: true to pull without an account");
        }
        else if (preset is { Tier: Tier.OptIn } && !has && rule.IsValid(RuleAnonymous) && !rule.Get(RuleAnonymous))
        {
            Mistake(rule.OriginOf(RuleAnonymous), $"The rule '{prefix}' has neither a credential nor anonymous: true", $"Give it {preset.Credential}, or write anonymous: true");
        }

        if (has && rule.Get(RuleAnonymous))
        {
            Mistake(rule.OriginOf(RuleAnonymous), "The rule has a credential and says that it needs none", "Keep either 'credential' or 'anonymous: true'");
        }

        if (has)
        {
            CheckParts(rule);
            CheckSecret(rule);
        }
    }

    /// <summary>How many places are named.</summary>
    private static int Places(Settings rule) =>
        (rule.IsGiven(CredentialFile) ? 1 : 0) + (rule.IsGiven(CredentialUsernameEnv) || rule.IsGiven(CredentialTokenEnv) ? 1 : 0)
        + (rule.IsGiven(CredentialSecretArn) ? 1 : 0) + (rule.IsGiven(CredentialAwsSecretArn) ? 1 : 0);

    private void CheckParts(Settings rule)
    {
        var pair = (rule.IsGiven(CredentialUsernameEnv), rule.IsGiven(CredentialTokenEnv));
        if (Places(rule) > 1)
        {
            var first = rule.IsGiven(CredentialFile) ? rule.OriginOf(CredentialFile) : rule.IsGiven(CredentialSecretArn) ? rule.OriginOf(CredentialSecretArn) : rule.OriginOf(CredentialAwsSecretArn);
            Mistake(
                first, rule.IsGiven(CredentialFile) && pair != (false, false) ? "The credential comes from a file and from variables" : "The credential comes from more than one place",
                "Keep either 'file', or 'usernameEnv' and 'tokenEnv', or one of 'secretArn' and 'awsSecretArn'");
        }
        else if (pair is (true, false) or (false, true))
        {
            var missing = pair.Item1 ? CredentialTokenEnv : CredentialUsernameEnv;
            Mistake(rule.OriginOf(missing), "Half of the credential is missing", "Name a variable for the user name in 'usernameEnv' and one for the token in 'tokenEnv'");
        }

        foreach (var key in new[] { CredentialUsernameEnv, CredentialTokenEnv })
        {
            if (rule.Get(key) is { } variable && string.IsNullOrEmpty(environment.GetValueOrDefault(variable)))
            {
                Mistake(rule.OriginOf(key), $"The environment variable {variable} is not set", "Set it, or name another");
            }
        }
    }

    /// <summary>One of another account or region is not kept here.</summary>
    private void CheckSecret(Settings rule)
    {
        var (account, region) = (draft.Server.Get(EcrAccount), draft.Server.Get(EcrRegion));
        if (rule.Get(CredentialSecretArn)?.Split(':') is [_, _, _, var itsRegion, var itsAccount, ..] && (itsRegion, itsAccount) != (region, account))
        {
            Mistake(
                rule.OriginOf(CredentialSecretArn), $"That is a secret of the account {itsAccount} in {itsRegion}, and this server's own are of {account} in {region} (ecr.account, ecr.region)",
                "Write awsSecretArn for a secret of AWS's Secrets Manager");
        }
    }

    private void Mistake(SettingOrigin origin, string what, string remedy) => draft.Mistakes.Add(origin.Mistake(what, remedy));
}
