using Millpond.Images;
using Millpond.Rewriting.Places;
using Millpond.Tests.Architecture;

namespace Millpond.Tests.Rewriting;

/// <summary>docs/rewriting.md explains every word that a report can have.</summary>
public sealed class DocumentationTests
{
    private static readonly string Page = File.ReadAllText(Path.Join(SourceTree.Top, "docs/rewriting.md"));

    [Fact]
    public void Every_reason_is_explained() => Assert.All(
        Enum.GetValues<RewriteReason>().Select(reason => reason.Code()).Concat(Enum.GetValues<Obstacle>().Select(obstacle => obstacle.Word())),
        word => Assert.Contains($"`{word}`", Page, StringComparison.Ordinal));

    [Fact]
    public void Every_kind_of_place_is_explained() =>
        Assert.All(Enum.GetValues<PlaceKind>(), kind => Assert.Contains($"`{kind.Word()}`", Page, StringComparison.Ordinal));
}
