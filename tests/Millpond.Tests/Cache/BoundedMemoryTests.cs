using System.Diagnostics;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Bounded;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;
using Millpond.Server.Upstream;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>What clients can send, however much of it, takes no more memory or time than is meant for it.</summary>
public sealed class BoundedMemoryTests
{
    private static readonly RepositoryName Repository = RepositoryName.Parse("up/team/app");

    [Fact]
    public void Absent_names_push_out_the_oldest_and_not_the_last()
    {
        var negative = new NegativeCache(new NegativeCacheConfiguration(), new FakeTimeProvider());
        var absent = new UpstreamResult<object>(UpstreamOutcome.NotFound, null, "absent");
        for (var i = 0; i < 100_000; i++)
        {
            negative.Learn(Repository, $"tag-{i}", "1", absent);
            Assert.NotNull(negative.Find<object>(Repository, $"tag-{Math.Max(0, i - 1000)}", "1"));
        }

        Assert.Null(negative.Find<object>(Repository, "tag-0", "1"));
    }

    [Fact]
    public void Failures_push_out_the_oldest_and_not_the_last()
    {
        var backOffs = new BackOffs<string, bool>(new FakeTimeProvider(), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1), 100_000, static (key, _) => key.Length);
        for (var i = 0; i < 10_000; i++)
        {
            backOffs.Failed($"{i}", true);
            Assert.NotNull(backOffs.Find($"{Math.Max(0, i - 100)}"));
        }

        Assert.Null(backOffs.Find("0"));
    }

    [Fact]
    public void An_overlong_ns_is_refused_and_neither_kept_nor_repeated()
    {
        var rules = new PullThroughRules(new ServerConfiguration { Rules = [MillpondHost.Rule("up", FakeUpstream.RefusedAddress)] });
        var first = rules.Resolve(Repository, new string('a', 15_000), null, null);
        var second = rules.Resolve(Repository, new string('b', 15_000), null, null);
        Assert.Equal(RuleVerdict.UnknownNamespace, first.Verdict);
        Assert.Same(first, second);
        Assert.True(first.Reason.Length < 200);
    }

    [Fact]
    public void A_manifest_of_an_unknown_type_is_read_in_time_by_its_length()
    {
        var text = new StringBuilder("{\"layers\":[{\"digest\":\"").Append(Digest.Sha256("x"u8)).Append("\",\"size\":1}]");
        for (var i = 0; i < 45_000; i++)
        {
            text.Append($",\"{i}\":0");
        }

        var content = Encoding.UTF8.GetBytes(text.Append('}').ToString());
        var watch = Stopwatch.StartNew();
        var document = ManifestDocument.TryParse(content, "application/vnd.example.future+json");
        Assert.Single(document!.Blobs);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(3), $"It took {watch.Elapsed}.");
    }

    [Fact]
    public void Half_a_surrogate_pair_is_read_as_the_character_that_stands_for_none()
    {
        var content = Encoding.UTF8.GetBytes("""{"artifactType":"\uD800","mediaType":"\uDC00","layers":[{"mediaType":"\uD800","digest":"\uD800","size":1}]}""");
        var document = ManifestDocument.TryParse(content, ManifestDocument.OciManifest);
        Assert.NotNull(document);
        Assert.Equal("\ufffd", document.ArtifactType);
        Assert.Empty(document.Blobs);
    }
}
