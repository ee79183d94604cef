using Millpond.Server.Upstream.Transport;

namespace Millpond.Tests.Upstream;

/// <summary>Where a <c>Location</c> leads, to the character: signatures are over them.</summary>
public sealed class RedirectTargetTests
{
    [Theory]
    [InlineData("/b%7Elob?s=a%2Bb%41~", "https://quay.io/b%7Elob?s=a%2Bb%41~")]
    [InlineData("/a/../b//c/./d", "https://quay.io/a/../b//c/./d")]
    [InlineData("other%7E?x=%7e", "https://quay.io/v2/app/blobs/other%7E?x=%7e")]
    [InlineData("../x%41", "https://quay.io/v2/app/x%41")]
    [InlineData("../../../../x", "https://quay.io/x")]
    [InlineData("./x/.", "https://quay.io/v2/app/blobs/x/")]
    [InlineData("?again=%7E", "https://quay.io/v2/app/blobs/sha256:0?again=%7E")]
    [InlineData("//cdn.quay.io:8443/x%7Ey", "https://cdn.quay.io:8443/x%7Ey")]
    [InlineData("https://cdn.quay.io/x%7Ey#fragment", "https://cdn.quay.io/x%7Ey")]
    [InlineData("HTTPS://CDN.quay.io/x%7Ey", "https://cdn.quay.io/x%7Ey")]
    [InlineData("https://cdn.quay.io", "https://cdn.quay.io/")]
    [InlineData("https://cdn.quay.io?x=%7E", "https://cdn.quay.io/?x=%7E")]
    [InlineData("/x?a={b}|c%7E", "https://quay.io/x?a=%7Bb%7D%7Cc%7E")]
    [InlineData("/é%7E", "https://quay.io/%E9%7E")]
    [InlineData("x:y/z", null)]
    [InlineData("data:text/plain,x", null)]
    [InlineData("#x", null)]
    public void It_is_asked_exactly_as_given(string location, string? expected)
    {
        var from = new Uri("https://quay.io/v2/app/blobs/sha256:0?first=1");
        if (expected is null)
        {
            Assert.Throws<UpstreamException>(() => RedirectTarget.Resolve(from, location, "quay.io"));
            return;
        }

        var target = RedirectTarget.Resolve(from, location, "quay.io");
        Assert.Equal(expected, target.GetLeftPart(UriPartial.Authority) + target.PathAndQuery);
    }

    [Fact]
    public void From_a_target_that_was_taken_as_given_the_next_is_found()
    {
        var first = RedirectTarget.Resolve(new Uri("https://quay.io/v2/"), "https://cdn.quay.io/a%7Eb/c?x=/y/", "quay.io");
        Assert.Equal("/a%7Eb/d", RedirectTarget.Resolve(first, "d", "cdn").PathAndQuery);
    }
}
