namespace Millpond.Rewriting.Places;

/// <summary>What a reference is for, where it stands.</summary>
public enum PlaceKind
{
    Container,
    InitContainer,
    EphemeralContainer,
    ImageVolume,

    /// <summary>A field of a resource or of a known kind of document, by the tables.</summary>
    Field,
    Argument,
    Environment,
    ConfigMap,
    Annotation,
    NewName,
    JsonPatch,
    Values,
    Terraform,
    From,
    CopyFrom,
    BuildArgument,
    BuildSyntax,

    /// <summary>Under a key that says image, in any document.</summary>
    ImageKey,

    /// <summary>Anywhere else in a text.</summary>
    Text,
}

public static class PlaceKinds
{
    /// <summary>The word for reports and records.</summary>
    public static string Word(this PlaceKind kind) => kind switch
    {
        PlaceKind.Container => "container",
        PlaceKind.InitContainer => "init-container",
        PlaceKind.EphemeralContainer => "ephemeral-container",
        PlaceKind.ImageVolume => "image-volume",
        PlaceKind.Field => "field",
        PlaceKind.Argument => "argument",
        PlaceKind.Environment => "environment",
        PlaceKind.ConfigMap => "config-map",
        PlaceKind.Annotation => "annotation",
        PlaceKind.NewName => "new-name",
        PlaceKind.JsonPatch => "json-patch",
        PlaceKind.Values => "values",
        PlaceKind.Terraform => "terraform",
        PlaceKind.From => "from",
        PlaceKind.CopyFrom => "copy-from",
        PlaceKind.BuildArgument => "build-argument",
        PlaceKind.BuildSyntax => "build-syntax",
        PlaceKind.ImageKey => "image-key",
        PlaceKind.Text => "text",
    };
}
