using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Server.Configuration.Assembling;
using Millpond.Server.Configuration.Values;

namespace Millpond.Server.Configuration.Sources;

/// <summary>
/// The environment: <c>MILLPOND__STORAGE__LIMIT=80%</c>. Rules are found by their folded prefix
/// (<c>MILLPOND__RULES__DOCKER_HUB__CREDENTIAL__FILE</c>), never by index.
/// </summary>
internal sealed class EnvironmentSource(IReadOnlyDictionary<string, string> environment, Draft draft)
{
    public const string Prefix = "MILLPOND__";
    private const string RulesPrefix = "RULES__";
    private const string DefaultsPrefix = "DEFAULTS__";
    private const string ListenersName = "LISTENERS";

    private static readonly ImmutableArray<ConfigurationKey> RuleKeys = [.. ConfigurationKeys.In([KeyScope.Rule, KeyScope.RuleAndDefaults])];

    private static readonly ImmutableArray<ConfigurationKey> CredentialKeys =
        [
            ConfigurationKeys.CredentialFile, ConfigurationKeys.CredentialUsernameEnv, ConfigurationKeys.CredentialTokenEnv, ConfigurationKeys.CredentialSecretArn,
            ConfigurationKeys.CredentialAwsSecretArn,
        ];

    /// <summary>Rules whose credential the environment has begun to replace.</summary>
    private readonly HashSet<Settings> credentialReplaced = [];

    /// <summary>A prefix as it stands in a variable's name.</summary>
    public static string Fold(string prefix) => string.Concat(prefix.Select(c => c is '-' or '.' or '/' ? '_' : char.ToUpperInvariant(c)));

    public void Read()
    {
        var ours = environment
            .Where(v => v.Key.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
            .Select(v => new Variable(v.Key, v.Key[Prefix.Length..].ToUpperInvariant(), v.Value));

        // A rule's own prefix says which rule its other variables mean.
        foreach (var variable in ours.OrderBy(v => !v.Name.EndsWith("__PREFIX", StringComparison.Ordinal)).ThenBy(v => v.Name, StringComparer.Ordinal))
        {
            Read(variable);
        }
    }

    private void Read(Variable variable)
    {
        if (variable.Name.StartsWith(RulesPrefix, StringComparison.Ordinal))
        {
            ReadOfRule(variable, variable.Name[RulesPrefix.Length..]);
        }
        else if (variable.Name == ListenersName)
        {
            ReadListeners(variable);
        }
        else if (FindKey(variable.Name) is var (section, key))
        {
            var node = key.FromText(variable.Value);
            if (!variable.IsEmpty || node.Kind == NodeKind.List)
            {
                section.Read(key, node, variable.Origin, draft.Mistakes);
            }
        }
        else if (variable.IsEmpty)
        {
            // As not written.
        }
        else if (ConfigurationKeys.Reserved.Contains(variable.Name.Split("__")[0].ToLowerInvariant()))
        {
            draft.Mistakes.Add(variable.Origin.Mistake("The variable is reserved for later and does nothing yet", "Unset it"));
        }
        else
        {
            Unknown(variable, KnownNames());
        }
    }

    private (Settings Section, ConfigurationKey Key)? FindKey(string name)
    {
        var ofDefaults = name.StartsWith(DefaultsPrefix, StringComparison.Ordinal);
        var path = ofDefaults ? name[DefaultsPrefix.Length..] : name;
        var key = ConfigurationKeys.In([ofDefaults ? KeyScope.RuleAndDefaults : KeyScope.TopLevel]).FirstOrDefault(k => k.VariablePath == path);
        return key is null ? null : (ofDefaults ? draft.Defaults : draft.Server, key);
    }

    private static IEnumerable<string> KnownNames() => ConfigurationKeys.All
        .Where(k => k.Scope is KeyScope.TopLevel or KeyScope.RuleAndDefaults)
        .Select(k => k.Scope == KeyScope.TopLevel ? k.VariablePath : DefaultsPrefix + k.VariablePath)
        .Append(ListenersName);

    private void ReadOfRule(Variable variable, string name)
    {
        var key = RuleKeys.Where(k => name.EndsWith($"__{k.VariablePath}", StringComparison.Ordinal)).MaxBy(k => k.VariablePath.Length);
        if (key is null)
        {
            if (variable.IsEmpty)
            {
                return;
            }

            var cut = name.IndexOf("__", StringComparison.Ordinal);
            var rule = cut < 0 ? name : name[..cut];
            Unknown(variable, RuleKeys.Select(k => $"{RulesPrefix}{rule}__{k.VariablePath}"));
            return;
        }

        // As not written, so that it neither makes a rule nor replaces a part of one; of lists it is the empty one.
        var node = key.FromText(variable.Value);
        if (variable.IsEmpty && node.Kind != NodeKind.List)
        {
            return;
        }

        var folded = name[..^(key.VariablePath.Length + 2)];
        if (FindRule(variable, folded, key) is not { } section || key == ConfigurationKeys.RulePrefix)
        {
            return;
        }

        // A credential is one value: one half from here and one from the file would be nobody's.
        if (CredentialKeys.Contains(key) && credentialReplaced.Add(section))
        {
            foreach (var part in CredentialKeys)
            {
                section.Remove(part);
            }
        }

        section.Read(key, node, variable.Origin, draft.Mistakes);
    }

    private Settings? FindRule(Variable variable, string folded, ConfigurationKey key)
    {
        if (key == ConfigurationKeys.RulePrefix)
        {
            return FindRuleByPrefix(variable, folded);
        }

        var prefixes = draft.Rules.Select(r => r.Get(ConfigurationKeys.RulePrefix)).OfType<string>()
            .Concat(Preset.All.Select(p => p.Prefix))
            .Where(p => Fold(p) == folded).Distinct().ToList();
        if (prefixes.Count > 1)
        {
            draft.Mistakes.Add(variable.Origin.Mistake(
                $"The variable could mean the rules {string.Join(" and ", prefixes.Select(p => $"'{p}'"))}, which fold to the same {folded}",
                "Set the key in the file, or rename one of the prefixes"));
            return null;
        }

        var prefix = prefixes is [var only] ? only : folded == RuleNames.Root ? folded : folded.ToLowerInvariant().Replace('_', '-');
        if (prefix != RuleNames.Root && !RepositoryName.TryParse(prefix, out _))
        {
            draft.Mistakes.Add(variable.Origin.Mistake(
                $"'{folded}' is no rule's prefix", "Write the prefix in upper case, with _ for -, . and /, as in MILLPOND__RULES__DOCKER_HUB__ALLOW"));
            return null;
        }

        return draft.RuleFor(prefix, variable.Origin);
    }

    private Settings? FindRuleByPrefix(Variable variable, string folded)
    {
        var parsed = new Settings(variable.Origin);
        parsed.Read(ConfigurationKeys.RulePrefix, KeyType.ScalarNode(variable.Value), variable.Origin, draft.Mistakes);
        if (parsed.Get(ConfigurationKeys.RulePrefix) is not { } prefix)
        {
            return null;
        }

        if (Fold(prefix) != folded)
        {
            draft.Mistakes.Add(variable.Origin.Mistake(
                $"The prefix '{prefix}' does not belong to {folded}", $"Name the variable {Prefix}{RulesPrefix}{Fold(prefix)}__PREFIX"));
            return null;
        }

        return draft.RuleFor(prefix, variable.Origin);
    }

    private void ReadListeners(Variable variable)
    {
        draft.Listeners.Clear();
        foreach (var pair in KeyType.SplitCommas(variable.Value))
        {
            var parts = pair.Split('=', 2, StringSplitOptions.TrimEntries);
            if (parts.Length != 2)
            {
                draft.Mistakes.Add(variable.Origin.Mistake($"{KeyType.Quote(pair)} is no listener of a rule", "Write PREFIX=URL, such as docker-hub=http://127.0.0.1:5001"));
                continue;
            }

            var listener = new Settings(variable.Origin);
            listener.Read(ConfigurationKeys.ListenerRule, KeyType.ScalarNode(parts[0]), variable.Origin, draft.Mistakes);
            listener.Read(ConfigurationKeys.ListenerUrl, KeyType.ScalarNode(parts[1]), variable.Origin, draft.Mistakes);
            draft.Listeners.Add(listener);
        }
    }

    private void Unknown(Variable variable, IEnumerable<string> known)
    {
        var near = Suggestion.For(variable.Name, known);
        draft.Mistakes.Add(variable.Origin.Mistake(
            "There is no such variable", near is null ? "Unset it; docs/configuration.md lists all keys" : $"Did you mean {Prefix}{near}?"));
    }

    /// <param name="Given">The whole name as it was written.</param>
    /// <param name="Name">The name after our prefix, in upper case.</param>
    private readonly record struct Variable(string Given, string Name, string Value)
    {
        public bool IsEmpty => string.IsNullOrWhiteSpace(Value);

        public SettingOrigin Origin => SettingOrigin.Outside(Given);
    }
}
