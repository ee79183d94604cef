using System.Collections.Immutable;

namespace Millpond.Server.Configuration;

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

        if (section == "credential." && word == "secretArn")
        {
            return ("The key is reserved for later and does nothing yet", "Use 'file', or 'usernameEnv' and 'tokenEnv'");
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
        var siblings = ConfigurationKeys.In(scopes)
            .Where(k => k.Path.StartsWith(section, StringComparison.Ordinal))
            .Select(k => k.Path[section.Length..].Split('.')[0]);
        var top = scopes.Contains(KeyScope.TopLevel) && section.Length == 0 ? ["defaults", "rules", "listeners"] : ImmutableArray<string>.Empty;
        if (Suggestion.For(word, siblings.Concat(top).Distinct()) is { } near)
        {
            return $"Did you mean '{near}'?";
        }

        var elsewhere = ConfigurationKeys.All.Where(k => k.Path == word || k.Path.EndsWith($".{word}", StringComparison.Ordinal));
        return elsewhere.FirstOrDefault() is { } key ? $"Did you mean '{key.Name}'?" : "Take it away; docs/configuration.md lists all keys";
    }
}
