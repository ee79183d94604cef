namespace Millpond.Rewriting.Places;

/// <summary>Why a reference is seen but not edited, apart from what the rules say.</summary>
public enum Obstacle
{
    /// <summary>A template, variable or other stand-in, not a literal reference.</summary>
    Placeholder,

    /// <summary>Split over lines or spelt so that no single stretch of text can be replaced.</summary>
    Unwritable,

    /// <summary>Names its registry, but neither the place nor the key says that it is an image.</summary>
    UnknownPlace,

    /// <summary>A registry key that is there but empty: only the chart's template knows the default, and it is not at hand or says more than one.</summary>
    UnknownRegistry,

    /// <summary>The chart's templates put a registry before it that no key of the image changes.</summary>
    FixedRegistry,

    /// <summary>The host is put together from parts (account, region, domain).</summary>
    ComposedHost,

    /// <summary>The beginning of names that a program completes, one of them in another way where it is not the program's default.</summary>
    CompletedPrefix,

    /// <summary>A registry or repository key that other images use too, which would have to become something else.</summary>
    SharedKey,

    /// <summary>Inside a string whose reader is unknown.</summary>
    InString,

    /// <summary>Something else than an image that a registry holds: a chart, a plugin, a database.</summary>
    Artifact,

    /// <summary>A list that is a contract with what names the same references elsewhere (zarf.yaml).</summary>
    Contract,

    /// <summary>A lock file: what it says of an image goes with the name it was resolved by.</summary>
    Lock,

    /// <summary>In a document that cannot be read.</summary>
    Unreadable,

    /// <summary>A policy, an allow-list, a schema: compared with references, never pulled.</summary>
    Policy,

    /// <summary>A repository whose tags a tool lists.</summary>
    TagScan,

    /// <summary>Prose, or an example.</summary>
    Description,

    /// <summary>A copy or an identity that a tool keeps: last-applied-configuration, a signature's identity.</summary>
    Copy,

    /// <summary>The name of what is built and pushed here.</summary>
    BuiltHere,
}

internal static class Obstacles
{
    /// <summary>Whether nothing is pulled by such a reference: it is told apart from the images.</summary>
    public static bool IsMention(this Obstacle obstacle) =>
        obstacle is Obstacle.Policy or Obstacle.TagScan or Obstacle.Description or Obstacle.Copy or Obstacle.BuiltHere;

    /// <summary>Whether it stands in the way only as long as nobody asks to change references everywhere.</summary>
    public static bool YieldsToEverywhere(this Obstacle obstacle) => obstacle is Obstacle.UnknownPlace or Obstacle.Artifact;

    /// <exception cref="FormatException">It is none of the words that a table may impose.</exception>
    public static Obstacle ParseImposed(string word)
    {
        var all = Enum.GetValues<Obstacle>().Where(obstacle => obstacle.IsMention() || obstacle is Obstacle.Artifact or Obstacle.Contract or Obstacle.Lock).ToList();
        var at = all.FindIndex(obstacle => obstacle.Word() == word);
        return at >= 0 ? all[at] : throw new FormatException($"'as: {word}' is unknown; one of {string.Join(", ", all.Select(Word))} is.");
    }

    /// <summary>The word for reports.</summary>
    public static string Word(this Obstacle obstacle) => obstacle switch
    {
        Obstacle.Placeholder => "placeholder",
        Obstacle.Unwritable => "not-editable",
        Obstacle.UnknownPlace => "unknown-place",
        Obstacle.UnknownRegistry => "unknown-registry",
        Obstacle.FixedRegistry => "fixed-registry",
        Obstacle.ComposedHost => "composed-host",
        Obstacle.CompletedPrefix => "completed-prefix",
        Obstacle.SharedKey => "shared-key",
        Obstacle.InString => "inside-a-string",
        Obstacle.Artifact => "oci-artifact",
        Obstacle.Contract => "list-of-a-package",
        Obstacle.Lock => "lock-file",
        Obstacle.Unreadable => "not-readable",
        Obstacle.Policy => "policy",
        Obstacle.TagScan => "tag-scan",
        Obstacle.Description => "description",
        Obstacle.Copy => "copy",
        Obstacle.BuiltHere => "built-here",
    };

    /// <summary>One sentence for people, without a full stop.</summary>
    public static string Describe(this Obstacle obstacle) => obstacle switch
    {
        Obstacle.Placeholder => "a placeholder that something else fills in",
        Obstacle.Unwritable => "written in a way that cannot be edited in place",
        Obstacle.UnknownPlace => "names its registry, but neither the place nor the key says that it is an image (--everywhere changes it, --places makes the place known)",
        Obstacle.UnknownRegistry => "its registry is a default of the chart that the values are for, and no chart at hand says which",
        Obstacle.FixedRegistry => "the chart's templates put this registry before it, and no key of the image says another; rewrite what the chart renders",
        Obstacle.ComposedHost => "the registry's host is put together from account, region and domain",
        Obstacle.CompletedPrefix => "the beginning of names that a program completes, one of them in another way once this is changed (kubeadm: set dns.imageRepository as well)",
        Obstacle.SharedKey => "its registry key also serves images that have to stay",
        Obstacle.InString => "inside a string, and what reads it is unknown",
        Obstacle.Artifact => "a chart or another artifact that is no image (--everywhere changes it)",
        Obstacle.Contract => "a package's list of images, which has to say what the package's manifests say",
        Obstacle.Lock => "a lock file, which is written anew by its tool",
        Obstacle.Unreadable => "in a document that cannot be read",
        Obstacle.Policy => "a policy, an allow-list or a schema: it is compared with references, not pulled; tell it of the cache",
        Obstacle.TagScan => "a repository whose tags are listed, not pulled",
        Obstacle.Description => "prose or an example",
        Obstacle.Copy => "a copy or an identity that a tool keeps",
        Obstacle.BuiltHere => "the name of what is built and pushed here",
    };
}
