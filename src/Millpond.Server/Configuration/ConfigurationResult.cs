using System.Collections.Immutable;
using System.Globalization;

namespace Millpond.Server.Configuration;

/// <summary>A flag of <c>serve</c> as it was given, such as <c>--listen</c> and its URL. A repeated flag is repeated here.</summary>
public sealed record FlagValue(string Name, string Value);

/// <summary>The configuration, or every mistake in it; never both.</summary>
public sealed record ConfigurationResult(ServerConfiguration? Configuration, ImmutableArray<ConfigurationMistake> Mistakes)
{
    /// <summary>All mistakes, one a line, for the terminal.</summary>
    public string Describe() => string.Join('\n', Mistakes);
}

/// <summary>One thing that is wrong, where it is written, and what to write in its place.</summary>
/// <param name="File">The configuration file; null when an environment variable or a flag is at fault.</param>
/// <param name="Line">The line in <paramref name="File"/>, from 1.</param>
/// <param name="Key">The key (<c>rules[2].upstream</c>), the environment variable, or the flag.</param>
/// <param name="What">What is wrong; holds nothing secret.</param>
/// <param name="Remedy">What to write.</param>
public sealed record ConfigurationMistake(string? File, int? Line, string Key, string What, string Remedy)
{
    /// <inheritdoc/>
    public override string ToString()
    {
        var line = Line is { } number ? string.Create(CultureInfo.InvariantCulture, $":{number}") : "";
        var place = File is null ? "" : $"{File}{line}: ";
        var key = Key.Length == 0 ? "" : $"{Key}: ";
        var end = Remedy.EndsWith('?') ? "" : ".";
        return $"{place}{key}{What}. {Remedy}{end}";
    }
}
