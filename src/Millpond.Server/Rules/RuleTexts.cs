using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Server.Rules;

/// <summary>What a client is told when no rule serves it: what is wrong, and what to write where.</summary>
internal static class RuleTexts
{
    /// <summary>More rules than this are counted, not listed.</summary>
    private const int ListedRules = 10;

    public static string Dormant(Preset preset) =>
        $$"""
        {{preset.UpstreamName}} is not set up on this server. Add to 'rules' in its configuration either {prefix: {{preset.Prefix}}, credential: {file: FILE}, allow: ["**"]}, where FILE holds {"username": "…", "accessToken": "…"} of {{preset.Credential}}, or {prefix: {{preset.Prefix}}, anonymous: true} to pull without an account.
        """;

    public static string Denied(RuleMatch match) =>
        $"'{match.UpstreamRepository}' at {match.Rule.UpstreamName} is outside what the rule '{match.Rule.Prefix}' lets through. Change the rule's 'allow' or 'deny' in the server's configuration if it should be.";

    public static string UnknownNamespace(string registry) =>
        $"No rule of this server is for the registry '{registry}' (asked for by ?ns=). Add a rule with 'upstream: {registry}' to its configuration, or the registry to 'standsFor' of the rule that has it, or take this mirror out of the client's.";

    public static string OtherNamespace(PullThroughRule rule, string registry) =>
        $"This host or listener is the rule '{rule.Prefix}' alone, which is for {rule.UpstreamName}, and ?ns= asks for '{registry}'. Point the mirror for {registry} at this server's main address.";

    public static string NoRule(string registry, RepositoryName asked) =>
        $"The rules for {registry} do not cover '{asked}': it lies outside their 'upstreamRepositoryPrefix', or its name here would be too long or another rule's.";

    public static string NoName(PullThroughRule rule, RepositoryName asked) =>
        $"'{asked}' has no name under the rule '{rule.Prefix}': it would be too long, or another rule's.";

    public static string NoRule(RepositoryName asked, ImmutableArray<PullThroughRule> rules, RepositoryName? meant)
    {
        if (meant is { } name)
        {
            return $"No rule of this server is for '{asked}'. It is called '{name}' here.";
        }

        var listed = string.Join(", ", rules.Take(ListedRules).Select(rule => $"{rule.Prefix} ({rule.UpstreamName})"));
        var more = rules.Length > ListedRules ? $" and {rules.Length - ListedRules} more" : "";
        return rules.IsEmpty
            ? $"No rule of this server is for '{asked}': it has none. Add one to 'rules' in its configuration."
            : $"No rule of this server is for '{asked}'. Its rules are {listed}{more}.";
    }
}
