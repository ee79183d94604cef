using System.Collections.Immutable;
using Millpond.Server.Configuration.Assembling;
using Millpond.Server.Configuration.Values;

namespace Millpond.Server.Configuration.Sources;

/// <summary>The file: finds the key for every word written in it.</summary>
internal sealed class FileSource(string file, Draft draft)
{
    /// <summary>A real file has a few hundred lines; more is some other file given by mistake.</summary>
    private const long MaxBytes = 1024 * 1024;

    private static readonly ImmutableArray<KeyScope> ServerKeys = [KeyScope.TopLevel];
    private static readonly ImmutableArray<KeyScope> DefaultsKeys = [KeyScope.RuleAndDefaults];
    private static readonly ImmutableArray<KeyScope> RuleKeys = [KeyScope.Rule, KeyScope.RuleAndDefaults];
    private static readonly ImmutableArray<KeyScope> ListenerKeys = [KeyScope.Listener];

    public void Read()
    {
        if (ReadText() is not { } text || YamlTree.Read(file, text, draft.Mistakes) is not { } root)
        {
            return;
        }

        if (root.Kind is NodeKind.Scalar or NodeKind.List)
        {
            Mistake(root.Line, "", $"The file holds {root.KindText}, where a mapping of keys is expected", "Write lines such as listen: http://127.0.0.1:5000");
            return;
        }

        foreach (var entry in root.Entries)
        {
            TopLevel(entry);
        }
    }

    private string? ReadText()
    {
        try
        {
            if (new FileInfo(file) is { Exists: true, Length: > MaxBytes })
            {
                Mistake(null, "", "The file is longer than 1 MiB", "Give the configuration's file");
                return null;
            }

            return File.ReadAllText(file);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            Mistake(null, "", $"The file cannot be read: {failure.Message.TrimEnd('.')}", "Give --config a file that this user may read, or leave it out");
            return null;
        }
    }

    private void TopLevel(NodeEntry entry)
    {
        switch (entry.Key)
        {
            case "defaults":
                Section(entry.Value, "defaults", "", DefaultsKeys, draft.Defaults);
                break;
            case "rules":
                Sections(entry.Value, "rules", RuleKeys, draft.Rules);
                break;
            case "listeners":
                Sections(entry.Value, "listeners", ListenerKeys, draft.Listeners);
                break;
            case var word when ConfigurationKeys.Reserved.Contains(word):
                Mistake(entry.Line, word, "The key is reserved for later and does nothing yet", "Leave it out");
                break;
            default:
                Entry(entry, "", "", ServerKeys, draft.Server);
                break;
        }
    }

    private void Sections(ConfigurationNode list, string name, ImmutableArray<KeyScope> scopes, List<Settings> sections)
    {
        if (list.Kind is NodeKind.Scalar or NodeKind.Map)
        {
            Mistake(list.Line, name, $"{list.KindText} stands where a list is expected", "Begin each entry with a dash");
        }

        foreach (var (i, item) in list.Items.Index())
        {
            var display = $"{name}[{i}]";
            var section = new Settings(new(file, item.Line, display));
            if (item.Kind == NodeKind.Map)
            {
                sections.Add(section);
            }
            else if (item.Kind == NodeKind.Null)
            {
                Mistake(item.Line, display, "The entry is empty", "Write its keys, or take the dash away");
            }

            Section(item, display, "", scopes, section);
        }
    }

    /// <param name="display">The section as messages name it.</param>
    /// <param name="path">The section within its scope, ending in a dot where it has one.</param>
    private void Section(ConfigurationNode node, string display, string path, ImmutableArray<KeyScope> scopes, Settings settings)
    {
        if (node.Kind is NodeKind.Scalar or NodeKind.List)
        {
            var keys = ConfigurationKeys.In(scopes).Where(k => k.Path.StartsWith(path, StringComparison.Ordinal)).Select(k => k.Path[path.Length..].Split('.')[0]);
            Mistake(node.Line, display, $"{node.KindText} stands where a mapping is expected", $"Write a mapping with some of {string.Join(", ", keys.Distinct())}");
        }

        foreach (var entry in node.Entries)
        {
            Entry(entry, $"{display}.", path, scopes, settings);
        }
    }

    private void Entry(NodeEntry entry, string displayPrefix, string pathPrefix, ImmutableArray<KeyScope> scopes, Settings settings)
    {
        var display = displayPrefix + KeyType.Name(entry.Key);
        var path = pathPrefix + entry.Key;
        if (ConfigurationKeys.Find(scopes, path) is { } key)
        {
            settings.Read(key, entry.Value, new(file, entry.Line, display), draft.Mistakes);
        }
        else if (ConfigurationKeys.In(scopes).Any(k => k.Path.StartsWith($"{path}.", StringComparison.Ordinal)))
        {
            Section(entry.Value, display, $"{path}.", scopes, settings);
        }
        else
        {
            var (what, remedy) = UnknownKey.Explain(path, pathPrefix, scopes);
            Mistake(entry.Line, displayPrefix + KeyType.Name(entry.Key), what, remedy);
        }
    }

    private void Mistake(int? line, string key, string what, string remedy) => draft.Mistakes.Add(new(file, line, key, what, remedy));
}
