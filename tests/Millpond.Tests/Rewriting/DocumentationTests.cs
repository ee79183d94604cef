using Millpond.Cli;
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
    public void Every_option_of_the_verbs_on_references_is_documented()
    {
        var streams = new Streams { Input = () => Stream.Null, Output = () => Stream.Null, Messages = TextWriter.Null };
        Assert.All(
            new[] { RewriteCommand.Create(streams), RestoreCommand.Create(streams), CoverageCommand.Create(streams) }.SelectMany(verb => verb.Options),
            option => Assert.Contains(option.Name, Page, StringComparison.Ordinal));
        var warm = File.ReadAllText(Path.Join(SourceTree.Top, "docs/warm.md"));
        Assert.All(WarmCommand.Create(streams, TimeProvider.System).Options, option => Assert.Contains(option.Name, warm, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_kind_of_place_is_explained() =>
        Assert.All(Enum.GetValues<PlaceKind>(), kind => Assert.Contains($"`{kind.Word()}`", Page, StringComparison.Ordinal));
}
