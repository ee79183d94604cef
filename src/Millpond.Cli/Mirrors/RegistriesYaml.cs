using System.Diagnostics.CodeAnalysis;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Millpond.Cli.Mirrors;

/// <summary>
/// <c>registries.yaml</c> of k3s and RKE2, which make containerd's files from it: the cache becomes the first endpoint of each upstream,
/// all else is kept (comments are not, until <c>--remove</c>). The upstream is the last resort unless the node was started with
/// <c>disable-default-registry-endpoint</c>.
/// </summary>
internal static class RegistriesYaml
{
    /// <summary>The file with the cache in it; false where it is no such file.</summary>
    public static bool TryAdd(string? before, MirrorSettings settings, [NotNullWhen(true)] out string? after)
    {
        after = null;
        try
        {
            if (!TryRead(before, out var root) || !TryGetMapping(root, "mirrors", out var mirrors))
            {
                return false;
            }

            foreach (var host in settings.Upstreams.Select(upstream => upstream.Host).Distinct())
            {
                if (!TryGetMapping(mirrors, host, out var mirror) || !TryAddFirst(mirror, "endpoint", settings.Origin))
                {
                    return false;
                }
            }

            if ((settings.Ca is not null || settings.SkipVerify) && !TryAddTls(root, settings))
            {
                return false;
            }

            after = MirrorSettings.Header + Write(root);
            return true;
        }
        catch (YamlException)
        {
            return false;
        }
    }

    /// <summary>
    /// A mirrored registry whose entry has <c>rewrite</c> settings, if there is one. They belong to an endpoint that is there already, are applied to
    /// the path that every endpoint is asked for, and no endpoint can be written that undoes them: the cache would be asked for other names.
    /// </summary>
    public static string? FindRewritten(string? before, MirrorSettings settings)
    {
        try
        {
            return TryRead(before, out var root) && root.Children.TryGetValue("mirrors", out var node) && node is YamlMappingNode mirrors
                ? settings.Upstreams.Select(upstream => upstream.Host).FirstOrDefault(host => IsRewritten(mirrors, host))
                : null;
        }
        catch (YamlException)
        {
            return null;
        }
    }

    private static bool IsRewritten(YamlMappingNode mirrors, string host) =>
        mirrors.Children.TryGetValue(host, out var node) && node is YamlMappingNode mirror
        && mirror.Children.TryGetValue("rewrite", out var rewrite) && rewrite is not (YamlMappingNode { Children.Count: 0 } or YamlScalarNode { Value: "" or null or "null" or "~" });

    private static bool TryRead(string? text, [NotNullWhen(true)] out YamlMappingNode? root)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text ?? ""));
        root = stream.Documents switch
        {
            [] => [],
            [{ RootNode: YamlMappingNode mapping }] => mapping,
            [{ RootNode: YamlScalarNode { Value: "" or null } }] => [],
            _ => null,
        };
        return root is not null;
    }

    private static bool TryGetMapping(YamlMappingNode parent, string key, [NotNullWhen(true)] out YamlMappingNode? child)
    {
        if (!parent.Children.TryGetValue(key, out var node) || node is YamlScalarNode { Value: "" or null or "null" or "~" })
        {
            child = [];
            parent.Children[key] = child;
            return true;
        }

        child = node as YamlMappingNode;
        return child is not null;
    }

    private static bool TryAddFirst(YamlMappingNode parent, string key, string value)
    {
        if (!parent.Children.TryGetValue(key, out var node))
        {
            parent.Children[key] = node = new YamlSequenceNode();
        }

        if (node is not YamlSequenceNode list)
        {
            return false;
        }

        if (!list.Any(item => item is YamlScalarNode { Value: { } text } && text.TrimEnd('/') == value))
        {
            list.Children.Insert(0, new YamlScalarNode(value) { Style = ScalarStyle.DoubleQuoted });
        }

        return true;
    }

    private static bool TryAddTls(YamlMappingNode root, MirrorSettings settings)
    {
        if (!TryGetMapping(root, "configs", out var configs)
            || !TryGetMapping(configs, settings.Server.Authority, out var cache)
            || !TryGetMapping(cache, "tls", out var tls))
        {
            return false;
        }

        if (settings.Ca is { } ca)
        {
            tls.Children["ca_file"] = new YamlScalarNode(ca) { Style = ScalarStyle.DoubleQuoted };
        }

        if (settings.SkipVerify)
        {
            tls.Children["insecure_skip_verify"] = new YamlScalarNode("true");
        }

        return true;
    }

    private static string Write(YamlMappingNode root)
    {
        var writer = new StringWriter { NewLine = "\n" };
        new YamlStream(new YamlDocument(root)).Save(writer, assignAnchors: false);
        var text = writer.ToString();
        const string documentEnd = "...\n";
        return text.EndsWith(documentEnd, StringComparison.Ordinal) ? text[..^documentEnd.Length] : text;
    }
}
