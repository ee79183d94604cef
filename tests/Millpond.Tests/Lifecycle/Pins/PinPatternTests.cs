using Millpond.Images;
using Millpond.Server.Lifecycle.Pins;

namespace Millpond.Tests.Lifecycle.Pins;

public sealed class PinPatternTests
{
    private const string SomeDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    [Theory]
    [InlineData("quay/prometheus/*:v2*", "quay/prometheus/node-exporter", "v2.1", true)]
    [InlineData("quay/prometheus/*:v2*", "quay/prometheus/node-exporter", "v3.2", false)]
    [InlineData("quay/prometheus/*:v2*", "quay/prometheus/a/b", "v2", false)]
    [InlineData("quay/prometheus/*:v2*", "quay/prometheus/node-exporter", null, false)]
    [InlineData("quay/**", "quay/a/b", null, true)]
    [InlineData("quay/**", "quay2/a", "v1", false)]
    [InlineData("team/app:1.*.0", "team/app", "1.22.0", true)]
    [InlineData("team/app:1.*.0", "team/app", "1.0", false)]
    [InlineData("team/app:*a*a*b", "team/app", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false)]
    [InlineData("team/app:v1", "team/app", "v1", true)]
    [InlineData("team/app:v1", "team/app", "v10", false)]
    public void It_keeps_what_it_names(string pattern, string repository, string? tag, bool expected)
    {
        Assert.True(PinPattern.TryParse(pattern, out var pin));
        Assert.Equal(expected, pin.Covers(RepositoryName.Parse(repository)) && pin.Keeps(tag, SomeDigest));
    }

    [Fact]
    public void A_digest_is_kept_whatever_its_tags()
    {
        Assert.True(PinPattern.TryParse($"team/*@{SomeDigest}", out var pin));
        Assert.True(pin.Keeps(null, SomeDigest));
        Assert.False(pin.Keeps("v1", SomeDigest.Replace('e', 'f')));
        Assert.Equal(SomeDigest, pin.Digest.ToString());
        Assert.False(pin.IsOfAll);
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("Team/app")]
    [InlineData("team/app:")]
    [InlineData("team/app:v 1")]
    [InlineData("team/app@sha256:12")]
    [InlineData("team/app:v1@" + SomeDigest)]
    [InlineData("team/app\n")]
    [InlineData("тeam/app")]
    public void What_could_match_no_image_is_none(string? text) => Assert.False(PinPattern.TryParse(text, out _));

    [Fact]
    public void It_has_a_greatest_length() => Assert.False(PinPattern.TryParse("a/" + new string('b', PinPattern.MaxLength), out _));
}
