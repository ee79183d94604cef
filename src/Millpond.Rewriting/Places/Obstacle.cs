namespace Millpond.Rewriting.Places;

/// <summary>Why a reference is seen but not edited, apart from what the rules say.</summary>
public enum Obstacle
{
    /// <summary>A template, variable or other stand-in, not a literal reference.</summary>
    Placeholder,

    /// <summary>Split over lines or spelt so that no single stretch of text can be replaced.</summary>
    Unwritable,

    /// <summary>An argument or environment variable that looks like a reference but is in no table.</summary>
    UnknownPlace,

    /// <summary>A registry key that is there but empty: only the chart's template knows the default.</summary>
    UnknownRegistry,

    /// <summary>The host is put together from parts (account, region, domain).</summary>
    ComposedHost,

    /// <summary>A registry or repository key that other images use too, which would have to become something else.</summary>
    SharedKey,

    /// <summary>Inside a string whose reader is unknown.</summary>
    InString,
}

internal static class Obstacles
{
    /// <summary>The word for reports.</summary>
    public static string Word(this Obstacle obstacle) => obstacle switch
    {
        Obstacle.Placeholder => "placeholder",
        Obstacle.Unwritable => "not-editable",
        Obstacle.UnknownPlace => "unknown-place",
        Obstacle.UnknownRegistry => "unknown-registry",
        Obstacle.ComposedHost => "composed-host",
        Obstacle.SharedKey => "shared-key",
        Obstacle.InString => "inside-a-string",
    };

    /// <summary>One sentence for people, without a full stop.</summary>
    public static string Describe(this Obstacle obstacle) => obstacle switch
    {
        Obstacle.Placeholder => "a placeholder that something else fills in",
        Obstacle.Unwritable => "written in a way that cannot be edited in place",
        Obstacle.UnknownPlace => "looks like a reference, but no table of places knows this argument or variable (add it with --places)",
        Obstacle.UnknownRegistry => "the registry key is empty and the chart's template fills it in",
        Obstacle.ComposedHost => "the registry's host is put together from account, region and domain",
        Obstacle.SharedKey => "its registry key also serves images that have to stay",
        Obstacle.InString => "inside a string, and what reads it is unknown",
    };
}
