using System.Text.Json;
using Millpond.Images;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Configuration;
using Millpond.Server.Configuration.Values;
using Millpond.Server.Rules;

namespace Millpond.Server.Ecr.CacheRules;

/// <summary>A rule as it was made through the API: what it was told, and is told again.</summary>
internal sealed record MadeRule(
    string Prefix, string Url, string? Registry, string? CredentialArn, string? CustomRoleArn, string? UpstreamPrefix, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    /// <summary>Whether the credential is a secret of AWS's Secrets Manager, and none kept here.</summary>
    public bool IsSecretOfAws { get; init; }

    /// <summary>By which it is found: a slash at its end is implied.</summary>
    public static string KeyOf(string prefix) => prefix.TrimEnd('/');

    public string Key => KeyOf(Prefix);
}

/// <summary>Rules made through the API: kept in the catalog, and put beside those of the configuration at each change.</summary>
internal sealed class CacheRuleBook(ServerConfiguration configuration, PullThroughRules rules, ControlTables control) : IDisposable
{
    private const string Kind = "cache-rule";
    private const string FormerKind = "former-cache-rule";

    /// <summary>More are not made; ECR has 50.</summary>
    public const int Most = 1000;

    private readonly SemaphoreSlim loading = new(1);

    public void Dispose() => loading.Dispose();

    /// <summary>Brings what is kept into use. One at a time, or the rules of an earlier moment could be put over those of a later one.</summary>
    public async Task LoadAsync()
    {
        await loading.WaitAsync();
        try
        {
            await ReadAsync();
        }
        finally
        {
            loading.Release();
        }
    }

    private async Task ReadAsync()
    {
        var made = (await ListAsync(Kind)).Select(ToRule).ToList();

        // One that did not change stays the same, with its connections.
        var before = rules.All.Concat(rules.Former).ToList();
        rules.Change(
            made.Select(rule => before.Find(same => same == rule) ?? rule),
            (await ListAsync(FormerKind)).Select(rule => ToRule(rule) with { IsRetired = true }).Select(rule => before.Find(same => same == rule) ?? rule));
    }

    /// <summary>Those there are, in the order of their prefixes.</summary>
    public Task<List<MadeRule>> ListAsync() => ListAsync(Kind);

    public async Task<MadeRule?> FindAsync(string prefix) => await control.Settings.FindAsync(Kind, MadeRule.KeyOf(prefix)) is { } row ? Read(row) : null;

    /// <summary>False where there is one of that prefix.</summary>
    public async Task<bool> AddAsync(MadeRule rule)
    {
        if (!await control.Settings.AddAsync(Kind, rule.Key, JsonSerializer.Serialize(rule, EcrJson.Default.MadeRule), rule.CreatedAt))
        {
            return false;
        }

        await control.Settings.DeleteAsync(FormerKind, rule.Key);
        await LoadAsync();
        return true;
    }

    public async Task PutAsync(MadeRule rule)
    {
        await control.Settings.PutAsync(Kind, rule.Key, JsonSerializer.Serialize(rule, EcrJson.Default.MadeRule), rule.UpdatedAt);
        await LoadAsync();
    }

    /// <summary>Deletes it; what is here by it stays, and is served.</summary>
    public async Task DeleteAsync(MadeRule rule, DateTimeOffset now)
    {
        await control.Settings.PutAsync(FormerKind, rule.Key, JsonSerializer.Serialize(rule, EcrJson.Default.MadeRule), now);
        await control.Settings.DeleteAsync(Kind, rule.Key);
        await LoadAsync();
    }

    private async Task<List<MadeRule>> ListAsync(string kind) => [.. (await control.Settings.ListAsync(kind, "", Most)).Select(Read)];

    private static MadeRule Read(SettingRow row) => JsonSerializer.Deserialize(row.Value, EcrJson.Default.MadeRule)!;

    /// <summary>With what <c>defaults</c> say. One with a credential is never for everybody.</summary>
    private PullThroughRule ToRule(MadeRule made)
    {
        var address = UpstreamOf(made.Url)!;
        var name = UpstreamHosts.IsDockerHub(address.Name) ? "docker.io" : address.Name;
        return configuration.RuleDefaults with
        {
            Prefix = made.Key,
            UpstreamName = name,
            Upstream = address.Url,
            UpstreamRepositoryPrefix = made.UpstreamPrefix is null or RuleNames.Root ? null : made.UpstreamPrefix.TrimEnd('/'),
            Tier = Preset.All.FirstOrDefault(preset => UpstreamHosts.AreSame(preset.UpstreamName, name))?.Tier ?? Tier.ByRule,
            Access = made.CredentialArn is null ? configuration.Access : AccessMode.Token,
            Anonymous = made.CredentialArn is null,
            Credential = made.CredentialArn is null ? null : made.IsSecretOfAws ? new(null, null, null, AwsSecretArn: made.CredentialArn) : new(null, null, null, made.CredentialArn),
        };
    }

    /// <summary>The address of a URL as ECR takes it, without a scheme, or with one; null for none.</summary>
    public static UpstreamAddress? UpstreamOf(string url) => UpstreamAddress.Parse(url) is { What: null, Value: { } address } ? address : null;
}
