using System.Text;

namespace Millpond.Cli.Mirrors;

/// <summary>
/// containerd's <c>hosts.toml</c>, one in a folder per upstream. containerd tries the hosts in order and <c>server</c> at last; without
/// a <c>server</c> it would take the upstream itself, so without fall-back the cache is the server.
/// </summary>
internal static class ContainerdHosts
{
    /// <summary>Each upstream's file by its path under <c>certs.d</c>.</summary>
    public static IEnumerable<(string Path, string Content)> Write(MirrorSettings settings) =>
        settings.Upstreams.GroupBy(upstream => upstream.Host)
            .Select(rules => (Path.Join(rules.Key, "hosts.toml"), Write(settings, [.. rules])));

    private static string Write(MirrorSettings settings, MirroredUpstream[] rules)
    {
        // A path can name one rule only, and not say where a rule's repositories begin upstream: there ?ns= alone decides.
        var prefix = settings.ByPrefix && rules is [{ Prefix: { } only, RepositoryPrefix: null }] ? only : null;
        var url = prefix is null ? settings.Origin : $"{settings.Origin}/v2/{prefix}";
        var text = new StringBuilder(MirrorSettings.Header);
        var indent = "";
        if (settings.FallBack)
        {
            text.Append($"server = {MirrorSettings.Quote(rules[0].Url.GetLeftPart(UriPartial.Authority))}\n\n");
            text.Append($"[host.{MirrorSettings.Quote(url)}]\n");
            indent = "  ";
        }
        else
        {
            text.Append($"server = {MirrorSettings.Quote(url)}\n");
        }

        text.Append($"{indent}capabilities = [\"pull\", \"resolve\"]\n");
        if (prefix is not null)
        {
            text.Append($"{indent}override_path = true\n");
        }

        if (settings.Ca is { } ca)
        {
            text.Append($"{indent}ca = {MirrorSettings.Quote(ca)}\n");
        }

        if (settings.SkipVerify)
        {
            text.Append($"{indent}skip_verify = true\n");
        }

        return text.ToString();
    }
}
