using System.Collections.Immutable;
using System.Text.Json;
using Millpond.Images;
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
        RuleNamesJson.WriteMembers(json, rule);
        json.WriteBoolean("anonymous", !rule.IsAuthenticated);
        RuleNamesJson.WriteTexts(json, "listeners", listeners.Where(listener => listener.Rule == rule.Prefix).Select(listener => listener.Url.ToString().TrimEnd('/')));
        json.WriteEndObject();
    }

    private static void WriteDormant(Utf8JsonWriter json, Preset preset)
    {
        json.WriteStartObject();
        RuleNamesJson.WriteMembers(json, preset);
        json.WriteString("credential", preset.Credential);
        json.WriteString("create", RuleTexts.Dormant(preset));
        json.WriteEndObject();
    }
}
