using System.Collections.Frozen;

namespace Millpond.Images;

/// <summary>The host names of Amazon's registries.</summary>
public static class EcrHosts
{
    /// <summary>
    /// The accounts whose private registries hold the images of EKS add-ons, one for most regions and one each for the others
    /// (EKS user guide, "View Amazon container image registries for Amazon EKS add-ons").
    /// </summary>
    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> EksAccounts = FrozenSet.Create(
        StringComparer.Ordinal,
        "602401143452", // most regions
        "877085696533", // af-south-1
        "800184023465", // ap-east-1
        "533267051163", // ap-east-2
        "900889452093", // ap-south-2
        "296578399912", // ap-southeast-3
        "491585149902", // ap-southeast-4
        "151610086707", // ap-southeast-5
        "333609536671", // ap-southeast-6
        "121268973566", // ap-southeast-7
        "761377655185", // ca-west-1
        "918309763551", // cn-north-1
        "961992271922", // cn-northwest-1
        "900612956339", // eu-central-2
        "590381155156", // eu-south-1
        "455263428931", // eu-south-2
        "066635153087", // il-central-1
        "759879836304", // me-central-1
        "558608220178", // me-south-1
        "730335286997", // mx-central-1
        "151742754352", // us-gov-east-1
        "013241004608") // us-gov-west-1
        .GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>What follows the account: the plain and the dual-stack names, each also for FIPS.</summary>
    private static readonly string[] Infixes = ["dkr.ecr.", "dkr.ecr-fips.", "dkr-ecr.", "dkr-ecr-fips."];

    private static readonly string[] Suffixes =
    [
        ".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".on.aws", ".on.amazonwebservices.com.cn",
        ".sc2s.sgov.gov", ".c2s.ic.gov", ".cloud.adc-e.uk", ".csp.hci.ic.gov",
    ];

    /// <summary>Whether it is the public gallery, by its plain or dual-stack name.</summary>
    public static bool IsPublic(ReadOnlySpan<char> host) =>
        host.Equals("public.ecr.aws", StringComparison.OrdinalIgnoreCase) || host.Equals("ecr-public.aws.com", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether it is an account's private registry, <c>&lt;account&gt;.dkr.ecr.&lt;region&gt;.amazonaws.com</c> or one of its other forms.</summary>
    public static bool IsPrivate(ReadOnlySpan<char> host)
    {
        var dot = host.IndexOf('.');
        if (dot <= 0 || host[..dot].ContainsAnyExceptInRange('0', '9'))
        {
            return false;
        }

        var rest = host[(dot + 1)..];
        foreach (var infix in Infixes)
        {
            if (rest.StartsWith(infix, StringComparison.OrdinalIgnoreCase))
            {
                return IsRegionAndSuffix(rest[infix.Length..]);
            }
        }

        return false;
    }

    /// <summary>Whether it is a private registry that holds EKS add-ons.</summary>
    public static bool IsEksAddOns(ReadOnlySpan<char> host) => IsPrivate(host) && EksAccounts.Contains(host[..host.IndexOf('.')]);

    private static bool IsRegionAndSuffix(ReadOnlySpan<char> text)
    {
        var dot = text.IndexOf('.');
        if (dot <= 0)
        {
            return false;
        }

        foreach (var suffix in Suffixes)
        {
            if (text[dot..].Equals(suffix, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }
}
