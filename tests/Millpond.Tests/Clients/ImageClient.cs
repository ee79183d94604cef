using System.Text.RegularExpressions;

namespace Millpond.Tests.Clients;

/// <summary>A real client that pulls, and says what it has pulled.</summary>
internal abstract partial class ImageClient : IAsyncDisposable
{
    /// <summary>What it can pull.</summary>
    public virtual IReadOnlyList<RealImage> Images => RealImages.Images;

    /// <summary>Pulls everything behind the reference and gives the digest that the client itself reports.</summary>
    /// <param name="registry">Host and port.</param>
    /// <param name="image">With the rule's prefix, if it is pulled by one.</param>
    public abstract Task<string> PullAsync(string registry, RealImage image);

    /// <summary>Forgets what it has pulled.</summary>
    public abstract Task RemoveCacheAsync();

    public abstract ValueTask DisposeAsync();

    protected static string FirstDigest(string text)
    {
        var found = SomeDigest().Match(text);
        Assert.True(found.Success, $"no digest in:\n{text}");
        return found.Value;
    }

    [GeneratedRegex("sha256:[0-9a-f]{64}")]
    private static partial Regex SomeDigest();
}
