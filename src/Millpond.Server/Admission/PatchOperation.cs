namespace Millpond.Server.Admission;

/// <summary>One operation of a JSON patch (RFC 6902).</summary>
/// <param name="Value">A text, or an object of texts.</param>
internal sealed record PatchOperation(string Op, string Path, object Value)
{
    /// <summary>Guards the replacement that follows: a pod that was changed meanwhile is not patched in the wrong place.</summary>
    public static PatchOperation Test(string path, string value) => new("test", path, value);

    public static PatchOperation Replace(string path, string value) => new("replace", path, value);

    public static PatchOperation Add(string path, object value) => new("add", path, value);
}
