using System.Diagnostics.CodeAnalysis;

namespace Millpond.Images;

/// <summary>Where a registry's repositories begin in a reference: <c>host[:port]</c>, and a path before every repository where there is one.</summary>
public sealed record RegistryAddress
{
    private RegistryAddress(string host, RepositoryName? path)
    {
        Host = host;
        Path = path;
    }

    public string Host { get; }

    public RepositoryName? Path { get; }

    /// <summary>
    /// Reads an address; false where a reference that begins with it would not be read as being at that host: <c>cache/x</c> is
    /// Docker Hub's, so a host needs a dot, a port or an upper-case letter, or is <c>localhost</c>.
    /// </summary>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out RegistryAddress? address)
    {
        address = null;
        var trimmed = text?.TrimEnd('/');
        if (!ImageReference.TryParse(trimmed + "/x", out var probe) || probe.WrittenHost.IsEmpty)
        {
            return false;
        }

        var host = probe.WrittenHost.ToString();
        RepositoryName? path = null;
        if (trimmed!.Length > host.Length)
        {
            if (!RepositoryName.TryParse(trimmed.AsSpan(host.Length + 1), out var parsed))
            {
                return false;
            }

            path = parsed;
        }

        address = new RegistryAddress(host, path);
        return true;
    }

    /// <summary>Reads an address that must be one.</summary>
    /// <exception cref="FormatException">The text is not an address.</exception>
    public static RegistryAddress Parse(string text) =>
        TryParse(text, out var address)
            ? address
            : throw new FormatException($"'{text}' is not a registry: write host[:port][/path], where the host has a dot or a port or is localhost.");

    /// <summary>What follows the address in a reference: <c>quay/a/b</c> of <c>cache.example.com/quay/a/b</c>; false for another registry.</summary>
    public bool TryGetRepository(ImageReference reference, out RepositoryName repository)
    {
        repository = default;
        var path = reference.WrittenPath;
        if (!Matches(reference.WrittenHost))
        {
            return false;
        }

        if (Path is not { } before)
        {
            return RepositoryName.TryParse(path, out repository);
        }

        return RepositoryName.TryParse(path, out var whole) && whole.TryRemovePrefix(before.ToString(), out repository);
    }

    /// <inheritdoc/>
    public override string ToString() => Path is { } path ? $"{Host}/{path}" : Host;

    private bool Matches(ReadOnlySpan<char> host) => !host.IsEmpty && UpstreamHosts.AreSame(Host, host);
}
