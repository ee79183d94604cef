using Millpond.Server.Catalog.Control;
using Millpond.Server.Configuration;

namespace Millpond.Server.Operations.Cost;

/// <summary>Secrets, here and as ECR would want them.</summary>
/// <param name="Kept">Kept by this server's own Secrets Manager.</param>
/// <param name="OfAws">Kept by AWS's, named by rules: they cost here too.</param>
/// <param name="OnEcr">What ECR would need: those, one for each other credential of a rule, and one for each opt-in rule without any.</param>
public sealed record SecretUse(long Kept, long OfAws, long OnEcr)
{
    private const int PageSize = 1000;

    public static async Task<SecretUse> ReadAsync(SecretTable secrets, IReadOnlyList<PullThroughRule> rules)
    {
        var kept = 0L;
        var name = "";
        while (await secrets.ListAsync(name, PageSize) is { Count: > 0 } page)
        {
            kept += page.Count(secret => secret.DeletedAt is null);
            name = page[^1].Name;
        }

        return Of(kept, rules);
    }

    internal static SecretUse Of(long kept, IReadOnlyList<PullThroughRule> rules)
    {
        var credentials = rules.Select(rule => rule.Credential).OfType<CredentialSource>().Distinct().ToList();
        var ofAws = credentials.Where(credential => credential.AwsSecretArn is not null).Select(credential => credential.AwsSecretArn).Distinct().Count();
        var elsewhere = credentials.Count(credential => credential.AwsSecretArn is null && credential.SecretArn is null);
        var without = rules.Count(rule => rule.Tier == Images.Tier.OptIn && rule.Credential is null);
        return new(kept, ofAws, kept + ofAws + elsewhere + without);
    }
}
