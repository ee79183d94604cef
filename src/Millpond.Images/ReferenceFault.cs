namespace Millpond.Images;

/// <summary>Why a text is no image reference.</summary>
public enum ReferenceFault
{
    None,
    Empty,
    ImageId,
    Host,
    UpperCaseName,
    Name,
    NameTooLong,
    Tag,
    Digest,
}

/// <summary>The faults in words.</summary>
public static class ReferenceFaults
{
    /// <summary>One sentence for reports, without a full stop.</summary>
    public static string Describe(this ReferenceFault fault) => fault switch
    {
        ReferenceFault.None => "a valid reference",
        ReferenceFault.Empty => "the reference is empty",
        ReferenceFault.ImageId => "64 hexadecimal digits are an image's ID, not a name that can be pulled",
        ReferenceFault.Host => "the registry's host is not a host name or address with an optional port",
        ReferenceFault.UpperCaseName => "the repository's name has upper-case letters; registries know lower-case names only",
        ReferenceFault.Name => "the repository's name breaks the grammar: lower-case letters and digits, joined by . _ __ or -, in parts separated by /",
        ReferenceFault.NameTooLong => "the repository's name is longer than 255 characters",
        ReferenceFault.Tag => "the tag breaks the grammar: at most 128 letters, digits, _ . or -, not starting with . or -",
        ReferenceFault.Digest => "the digest is not sha256 with 64 or sha512 with 128 lower-case hexadecimal digits",
    };
}
