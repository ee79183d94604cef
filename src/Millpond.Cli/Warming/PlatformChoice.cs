using System.Collections.Immutable;
using System.Text.RegularExpressions;

namespace Millpond.Cli.Warming;

/// <summary>Which children of an index are pulled: all, or those of some platforms. A platform without a variant means all its variants, as on the server.</summary>
internal sealed partial class PlatformChoice
{
    private const string All = "all";

    private readonly ImmutableArray<string> platforms;

    private PlatformChoice(ImmutableArray<string> platforms) => this.platforms = platforms;

    private bool IsAll => platforms.IsEmpty;

    /// <exception cref="CommandFailedException">A word is no platform.</exception>
    public static PlatformChoice Parse(string text)
    {
        if (text == All)
        {
            return new PlatformChoice([]);
        }

        var words = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return words.Length > 0 && words.All(word => Platform().IsMatch(word))
            ? new PlatformChoice([.. words.Distinct().Order(StringComparer.Ordinal)])
            : throw new CommandFailedException($"--platforms: '{text}' is neither all nor os/architecture[/variant] with commas between, like linux/amd64,linux/arm64.");
    }

    /// <param name="platform">What an index says of a child; null where it says nothing, as of a nested index.</param>
    public bool Includes(string? platform) =>
        IsAll || platform is not null && platforms.Any(
            wish => platform == wish || platform.StartsWith(wish, StringComparison.Ordinal) && platform[wish.Length] == '/');

    /// <inheritdoc/>
    public override string ToString() => IsAll ? All : string.Join(',', platforms);

    [GeneratedRegex(@"\A[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Platform();
}
