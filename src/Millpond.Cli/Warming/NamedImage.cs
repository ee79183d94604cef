namespace Millpond.Cli.Warming;

/// <summary>An image as something names it.</summary>
/// <param name="Where">A file, with the line where there is one.</param>
/// <param name="TagComesLater">Whether a missing tag does not mean <c>latest</c>: a chart or a kustomization fills it in.</param>
internal sealed record NamedImage(string Reference, string Where, bool TagComesLater);
