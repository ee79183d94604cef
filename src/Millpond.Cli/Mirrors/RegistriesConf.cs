using System.Text;

namespace Millpond.Cli.Mirrors;

/// <summary>
/// A drop-in of <c>registries.conf</c> for CRI-O, podman, buildah and skopeo. They send no <c>?ns=</c>, so the rule's prefix is in the
/// location. With fall-back the cache is a mirror before the upstream; without, it is the location itself.
/// </summary>
internal static class RegistriesConf
{
    public static string Write(MirrorSettings settings)
    {
        var text = new StringBuilder(MirrorSettings.Header);
        foreach (var upstream in settings.Upstreams)
        {
            var name = upstream.RepositoryPrefix is { } before ? $"{upstream.Host}/{before}" : upstream.Host;
            var cache = upstream.Prefix is { } prefix ? $"{settings.Server.Authority}/{prefix}" : settings.Server.Authority;
            text.Append($"\n[[registry]]\nprefix = {MirrorSettings.Quote(name)}\n");
            text.Append($"location = {MirrorSettings.Quote(settings.FallBack ? name : cache)}\n");
            if (settings.FallBack)
            {
                text.Append($"\n[[registry.mirror]]\nlocation = {MirrorSettings.Quote(cache)}\n");
            }

            if (settings.SkipVerify || settings.Server.Scheme == Uri.UriSchemeHttp)
            {
                text.Append("insecure = true\n");
            }
        }

        return text.ToString();
    }
}
