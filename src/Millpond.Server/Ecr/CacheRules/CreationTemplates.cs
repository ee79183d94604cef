using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Ecr.CacheRules;

/// <summary>
/// Which template a new repository is made by: of those that are for what made it the one with the longest prefix, <c>ROOT</c> last. One that
/// cannot be read is told and passed over, so that nothing is kept from being pulled.
/// </summary>
public sealed partial class CreationTemplates(ILogger<CreationTemplates> log)
{
    /// <summary>What is set on a new repository, by kind.</summary>
    /// <param name="kept">What is kept under the prefixes of its name, the longest first.</param>
    public IReadOnlyDictionary<string, string> Choose(OriginRepository at, IReadOnlyList<SettingRow> kept)
    {
        var scenario = at.Origin == Origin.None ? CreationTemplate.ForPushes : CreationTemplate.ForPulls;
        var templates = kept.Where(row => row.Kind == NewRepositories.TemplateKind).ToList();
        foreach (var row in templates.Where(row => row.Name != NewRepositories.Root).Concat(templates.Where(row => row.Name == NewRepositories.Root)))
        {
            if (TryApply(row.Name, row.Value, scenario, at) is { } settings)
            {
                return settings;
            }
        }

        return (HasBuiltIn(kept) ? TryApply(NewRepositories.Root, CreationTemplate.BuiltIn, scenario, at) : null) ?? ImmutableDictionary<string, string>.Empty;
    }

    /// <summary>Whether the built-in one holds: until there is another of its prefix, or it was switched off.</summary>
    /// <param name="kept">What is kept under <c>ROOT</c>, among others.</param>
    internal static bool HasBuiltIn(IEnumerable<SettingRow> kept) => !kept.Any(row => row.Name == NewRepositories.Root);

    /// <summary>What it sets; null where it is for something else, or cannot be applied, which must keep nothing from being pulled.</summary>
    private IReadOnlyDictionary<string, string>? TryApply(string prefix, string text, string scenario, OriginRepository at)
    {
        try
        {
            return CreationTemplate.Parse(text) is var template && template.AppliedFor.Contains(scenario) ? template.ToSettings() : null;
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            // Of whatever kind: what stands there may be of another program, or damaged.
            Log.NotApplied(log, prefix, at.Name.ToString(), failure.Message);
            return null;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "The repository creation template with the prefix {Prefix} cannot be read and was not applied to {Repository}: {Reason}. Create it anew")]
        public static partial void NotApplied(ILogger logger, string prefix, string repository, string reason);
    }
}
