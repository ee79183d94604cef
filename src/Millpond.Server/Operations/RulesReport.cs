using System.Collections.Immutable;
using System.Text.Json;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;

namespace Millpond.Server.Operations;

/// <summary><c>GET /-/rules</c>: what is pulled under which prefix. Says no credential, header or proxy, for anyone may read it.</summary>
public static class RulesReport
{
    public static void Write(Utf8JsonWriter json, ServerConfiguration configuration)
    {
        json.WriteString("publicUrl", configuration.PublicUrl?.ToString().TrimEnd('/'));
        json.WriteString("registry", configuration.Admission.Registry?.ToString() ?? configuration.PublicUrl?.Authority);
        json.WriteStartArray("rules");
        foreach (var rule in configuration.Rules)
        {
            WriteRule(json, rule, configuration.Listeners);
        }

        json.WriteEndArray();
        json.WriteStartArray("dormant");
        foreach (var preset in configuration.DormantPresets)
        {
            WriteDormant(json, preset);
        }

        json.WriteEndArray();
    }

    /// <summary>A tier as users read it.</summary>
    public static string Text(Tier tier) => tier.Text();

    private static void WriteRule(Utf8JsonWriter json, PullThroughRule rule, ImmutableArray<RuleListener> listeners)
    {
        json.WriteStartObject();
        json.WriteString("prefix", rule.Prefix);
        json.WriteString("upstream", rule.UpstreamName);
        json.WriteString("upstreamRepositoryPrefix", rule.UpstreamRepositoryPrefix);
        json.WriteString("tier", Text(rule.Tier));
        json.WriteBoolean("anonymous", rule.Credential is null);
        WriteStrings(json, "allow", rule.Allow);
        WriteStrings(json, "deny", rule.Deny);
        WriteStrings(json, "hosts", rule.Hosts);
        WriteStrings(json, "listeners", listeners.Where(listener => listener.Rule == rule.Prefix).Select(listener => listener.Url.ToString().TrimEnd('/')));
        json.WriteEndObject();
    }

    private static void WriteDormant(Utf8JsonWriter json, Preset preset)
    {
        json.WriteStartObject();
        json.WriteString("prefix", preset.Prefix);
        json.WriteString("upstream", preset.UpstreamName);
        json.WriteString("tier", Text(preset.Tier));
        json.WriteString("credential", preset.Credential);
        json.WriteString("create", RuleTexts.Dormant(preset));
        json.WriteEndObject();
    }

    private static void WriteStrings(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }
}
