using System.Collections.Immutable;

namespace Millpond.Server.Configuration.Sources;

/// <summary>What is said of a key that the table does not have.</summary>
internal static class UnknownKey
{
    private static readonly ImmutableArray<string> SecretWords = ["username", "password", "accessToken", "token", "secret"];

    /// <param name="path">The key within its scope.</param>
    /// <param name="section">The section of that scope it stands in, empty or ending in a dot.</param>
    /// <param name="scopes">The keys that may stand there.</param>
    public static (string What, string Remedy) Explain(string path, string section, ImmutableArray<KeyScope> scopes)
    {
        var word = path[section.Length..];
        if (word == "<<")
        {
            return ("Merge keys are not read", "Write what all rules share under 'defaults'");
        }

        if (section == "credential." && SecretWords.Contains(word))
        {
            return ("Secrets do not stand in the configuration", "Name a JSON file in 'file', or environment variables in 'usernameEnv' and 'tokenEnv'");
        }

        if (scopes is [KeyScope.RuleAndDefaults] && ConfigurationKeys.In([KeyScope.Rule]).Any(k => k.Path == path || k.Path.StartsWith($"{path}.", StringComparison.Ordinal)))
        {
            return ("The key is each rule's own and has no default", "Write it in the rules");
        }

        return ("There is no such key", Remedy(word, section, scopes));
    }

    private static string Remedy(string word, string section, ImmutableArray<KeyScope> scopes)
    {
        // The very word in another section is a better guess than a similar one here.
        if (Elsewhere(ConfigurationKeys.In(scopes), word) is { } near)
        {
            return near;
        }

        var siblings = ConfigurationKeys.In(scopes)
            .Where(k => k.Path.StartsWith(section, StringComparison.Ordinal))
            .Select(k => k.Path[section.Length..].Split('.')[0]);
        var top = scopes.Contains(KeyScope.TopLevel) && section.Length == 0 ? ["defaults", "rules", "listeners"] : ImmutableArray<string>.Empty;
        if (Suggestion.For(word, siblings.Concat(top).Distinct()) is { } similar)
        {
            return $"Did you mean '{similar}'?";
        }

        return Elsewhere(ConfigurationKeys.All, word) ?? "Take it away; docs/configuration.md lists all keys";
    }

    private static string? Elsewhere(IEnumerable<ConfigurationKey> keys, string word) =>
        keys.FirstOrDefault(k => k.Path == word || k.Path.EndsWith($".{word}", StringComparison.Ordinal)) is { } key ? $"Did you mean '{key.Name}'?" : null;
}
