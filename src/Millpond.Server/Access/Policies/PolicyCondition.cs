using System.Collections.Immutable;
using System.Net;

namespace Millpond.Server.Access.Policies;

/// <summary>What a condition says of a request.</summary>
public enum ConditionResult
{
    Met,
    NotMet,

    /// <summary>Its operator or key is one that this server does not know.</summary>
    Unknown,
}

/// <summary>One condition of a statement: an operator, a key, and the values of which one must fit.</summary>
/// <param name="Operator">Without qualifier and <c>IfExists</c>.</param>
/// <param name="Qualifier"><c>ForAnyValue</c>, <c>ForAllValues</c> or empty.</param>
public sealed record PolicyCondition(string Qualifier, string Operator, bool IfExists, string Key, ImmutableArray<string> Values)
{
    private const string AnyValue = "ForAnyValue";
    private const string AllValues = "ForAllValues";
    private const string Null = "Null";

    /// <summary>As it is written, for whoever has to be told that it is not known.</summary>
    public string Name => $"{(Qualifier.Length == 0 ? "" : Qualifier + ":")}{Operator}{(IfExists ? "IfExists" : "")} {Key}";

    /// <summary>Reads the name of an operator as it stands in a document.</summary>
    public static PolicyCondition Of(string name, string key, ImmutableArray<string> values)
    {
        var colon = name.IndexOf(':', StringComparison.Ordinal);
        var (qualifier, rest) = colon < 0 ? ("", name) : (name[..colon], name[(colon + 1)..]);
        const string Suffix = "IfExists";
        var ifExists = rest.EndsWith(Suffix, StringComparison.Ordinal);
        return new(qualifier, ifExists ? rest[..^Suffix.Length] : rest, ifExists, key, values);
    }

    /// <summary>
    /// Why it can never do what whoever wrote it meant; null where it can. A deny that fits nobody by a slip of the pen would let everybody through.
    /// </summary>
    public string? WhyUnusable =>
        Values.Any(static value => value.Contains("${", StringComparison.Ordinal)) ? "it has policy variables (${…}), which are not known here"
        : Operator is "IpAddress" or "NotIpAddress" && !Values.All(IsAddress) ? "an IpAddress condition has a value that is neither an address nor a network"
        : Operator is "Bool" or Null && !Values.All(static value => bool.TryParse(value, out _)) ? $"a {Operator} condition has a value that is neither true nor false"
        : null;

    public ConditionResult Judge(PolicyRequest request)
    {
        if (request.ValuesOf(Key) is not { } actual || Qualifier is not ("" or AnyValue or AllValues))
        {
            return ConditionResult.Unknown;
        }

        if (Operator == Null)
        {
            return Of(Values.Any(value => bool.TryParse(value, out var wanted) && wanted == (actual.Length == 0)));
        }

        if (Find(Operator) is not { } comparison)
        {
            return ConditionResult.Unknown;
        }

        var (matches, isNegated) = comparison;
        if (actual.Length == 0)
        {
            // As AWS has it: what is not there differs from everything, and all of nothing fits.
            return Of(IfExists || Qualifier == AllValues || (isNegated && Qualifier.Length == 0));
        }

        bool Fits(string value) => isNegated != Values.Any(wanted => matches(wanted, value));
        return Of(Qualifier == AnyValue ? actual.Any(Fits) : actual.All(Fits));
    }

    private static ConditionResult Of(bool isMet) => isMet ? ConditionResult.Met : ConditionResult.NotMet;

    private static (Func<string, string, bool> Matches, bool IsNegated)? Find(string name) => name switch
    {
        "StringEquals" => (Equal, false),
        "StringNotEquals" => (Equal, true),
        "StringEqualsIgnoreCase" => (EqualIgnoringCase, false),
        "StringNotEqualsIgnoreCase" => (EqualIgnoringCase, true),
        "StringLike" => (Like, false),
        "StringNotLike" => (Like, true),
        "ArnEquals" or "ArnLike" => (Wildcard.MatchesArn, false),
        "ArnNotEquals" or "ArnNotLike" => (Wildcard.MatchesArn, true),
        "IpAddress" => (Contains, false),
        "NotIpAddress" => (Contains, true),
        "Bool" => (EqualIgnoringCase, false),
        _ => null,
    };

    private static bool Equal(string wanted, string value) => wanted == value;

    private static bool EqualIgnoringCase(string wanted, string value) => string.Equals(wanted, value, StringComparison.OrdinalIgnoreCase);

    private static bool Like(string wanted, string value) => Wildcard.Matches(wanted, value);

    private static bool IsAddress(string value) => IPNetwork.TryParse(value, out _) || IPAddress.TryParse(value, out _);

    private static bool Contains(string wanted, string value)
    {
        if (!IPAddress.TryParse(value, out var address))
        {
            return false;
        }

        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return IPNetwork.TryParse(wanted, out var network)
            ? network.Contains(plain)
            : IPAddress.TryParse(wanted, out var single) && single.Equals(plain);
    }
}
