namespace Millpond.Rewriting.Places;

/// <summary>What tells that a text is a reference.</summary>
public enum Evidence
{
    /// <summary>Its place: a container, a row of the tables, a form of Helm values.</summary>
    Place,

    /// <summary>It names its registry, and its key, flag or variable says image.</summary>
    Key,

    /// <summary>It names its registry, and that is all.</summary>
    Registry,
}

public static class Evidences
{
    /// <summary>The word for reports.</summary>
    public static string Word(this Evidence evidence) => evidence switch
    {
        Evidence.Place => "place",
        Evidence.Key => "registry-and-key",
        Evidence.Registry => "registry",
    };
}
