using System.Collections.Immutable;
using System.Text.Json;

namespace Millpond.Images;

/// <summary>The one reader and writer of what a rule names, as <c>/-/rules</c> has it.</summary>
public static class RuleNamesJson
{
    /// <summary>Writes the members into an object that is begun.</summary>
    public static void WriteMembers(Utf8JsonWriter json, RuleNames names)
    {
        json.WriteString("prefix", names.Prefix);
        json.WriteString("upstream", names.UpstreamName);
        json.WriteString("url", names.Upstream.GetLeftPart(UriPartial.Authority));
        json.WriteString("upstreamRepositoryPrefix", names.UpstreamRepositoryPrefix);
        WriteTexts(json, "standsFor", names.StandsFor);
        json.WriteString("tier", names.Tier.Text());
        WriteTexts(json, "allow", names.Allow);
        WriteTexts(json, "deny", names.Deny);
        WriteTexts(json, "hosts", names.Hosts);
    }

    /// <summary>Reads them; what an older server does not say has its default.</summary>
    /// <exception cref="FormatException">The rule has no prefix or no upstream, or something in it cannot be meant.</exception>
    public static RuleNames Read(JsonElement json)
    {
        var prefix = json.TextOf("prefix") ?? throw new FormatException("a rule has no prefix");
        var upstream = json.TextOf("upstream") ?? throw new FormatException($"the rule {prefix} has no upstream");
        return new RuleNames
        {
            Prefix = prefix,
            UpstreamName = upstream,
            Upstream = json.TextOf("url") is not { } url ? UpstreamHosts.ApiOf(upstream)
                : Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Scheme is ("http" or "https") ? uri
                : throw new FormatException($"the rule {prefix} has a url that is none"),
            UpstreamRepositoryPrefix = json.TextOf("upstreamRepositoryPrefix"),
            StandsFor = Texts(json, "standsFor"),
            Tier = TierNames.Parse(json.TextOf("tier")),
            Allow = Texts(json, "allow"),
            Deny = Texts(json, "deny"),
            Hosts = Texts(json, "hosts"),
        };
    }

    public static void WriteTexts(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
    }

    private static ImmutableArray<string> Texts(JsonElement json, string name) =>
        json.TryGetProperty(name, out var values) && values.ValueKind == JsonValueKind.Array
            ? [.. values.EnumerateArray().Select(value => value.GetString() ?? throw new FormatException($"{name} of a rule holds what is no text"))]
            : [];
}
