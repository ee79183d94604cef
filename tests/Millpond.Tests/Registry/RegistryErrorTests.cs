using System.Text.Json.Nodes;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Registry.Answers;
using Millpond.Server.Rules;

namespace Millpond.Tests.Registry;

public sealed class RegistryErrorTests
{
    [Theory]
    [InlineData(PullFailureKind.NameUnknown, 404, "NAME_UNKNOWN")]
    [InlineData(PullFailureKind.ManifestUnknown, 404, "MANIFEST_UNKNOWN")]
    [InlineData(PullFailureKind.BlobUnknown, 404, "BLOB_UNKNOWN")]
    [InlineData(PullFailureKind.Denied, 403, "DENIED")]
    [InlineData(PullFailureKind.CredentialRefused, 502, "DENIED")]
    [InlineData(PullFailureKind.UpstreamFailed, 502, "UNAVAILABLE")]
    [InlineData(PullFailureKind.UpstreamUnreachable, 504, "UNAVAILABLE")]
    [InlineData(PullFailureKind.Throttled, 429, "TOOMANYREQUESTS")]
    [InlineData(PullFailureKind.NotCached, 504, "UNAVAILABLE")]
    public void A_failure_has_one_status_and_code(PullFailureKind kind, int status, string code)
    {
        var error = RegistryError.Of(new PullFailure(kind, "why", "quay", "quay.io"), "team/app:1");
        Assert.Contains("quay.io", kind is PullFailureKind.Denied or PullFailureKind.NameUnknown or PullFailureKind.ManifestUnknown or PullFailureKind.BlobUnknown ? "quay.io" : error.Message, StringComparison.Ordinal);
        Assert.Contains("team/app:1", error.Message, StringComparison.Ordinal);
        Assert.Equal((status, code, "quay", "quay.io", "why"), (error.Status, error.Code, error.Rule, error.Upstream, error.Reason));
    }

    [Theory]
    [InlineData("one\r\nSet-Cookie: two\0\u0085\u001b[1m", "one??Set-Cookie: two???[1m")]
    [InlineData("é 😀 and so on…", "? ?? and so on...")]
    public void Foreign_words_end_no_status_line(string message, string phrase)
    {
        var error = RegistryError.Internal with { Message = message };
        Assert.Equal($"Internal Server Error: {phrase}", RegistryErrorWriter.Phrase(error));
        Assert.Equal(240, RegistryErrorWriter.Phrase(error with { Message = new string('x', 700) }).Length);
    }

    [Fact]
    public void No_failure_is_left_out_and_none_is_a_401()
    {
        foreach (var kind in Enum.GetValues<PullFailureKind>())
        {
            Assert.NotEqual(401, RegistryError.Of(new PullFailure(kind, "why"), "team/app:1").Status);
        }
    }

    [Fact]
    public void Only_an_answer_that_may_change_soon_asks_to_come_again()
    {
        var waiting = Enum.GetValues<PullFailureKind>().Where(kind => RegistryError.Of(new PullFailure(kind, "why"), "team/app:1").RetryAfter is not null);
        Assert.Equal([PullFailureKind.UpstreamUnreachable, PullFailureKind.Throttled], waiting);
    }

    [Fact]
    public void What_the_upstream_said_of_waiting_is_passed_on() =>
        Assert.Equal(TimeSpan.FromSeconds(7), RegistryError.Of(new PullFailure(PullFailureKind.Throttled, "why", RetryAfter: TimeSpan.FromSeconds(7)), "team/app:1").RetryAfter);

    [Theory]
    [InlineData(RuleVerdict.Dormant, 403, "DENIED")]
    [InlineData(RuleVerdict.Denied, 403, "DENIED")]
    [InlineData(RuleVerdict.UnknownNamespace, 403, "DENIED")]
    [InlineData(RuleVerdict.NoRule, 404, "NAME_UNKNOWN")]
    public void A_refusal_by_the_rules_has_one_status_and_code(RuleVerdict verdict, int status, string code)
    {
        var error = RegistryError.Of(new RuleResolution(verdict, null, "create a rule"));
        Assert.NotNull(error);
        Assert.Equal((status, code, "create a rule"), (error.Status, error.Code, error.Reason));
    }

    [Fact]
    public void The_body_has_the_shape_of_the_spec()
    {
        var error = RegistryError.Of(new PullFailure(PullFailureKind.UpstreamFailed, "it said \"500\" <html>", "quay", "quay.io"), "team/app:1");
        var body = JsonNode.Parse(RegistryErrorWriter.Serialize(error).Span);
        var expected = """
            {"errors":[{"code":"UNAVAILABLE","message":"quay.io failed; nothing cached for team/app:1: it said \"500\" <html>",
              "detail":{"rule":"quay","upstream":"quay.io","reason":"it said \"500\" <html>"}}]}
            """;
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), body), body!.ToJsonString());
    }

    [Fact]
    public void A_message_is_bounded_and_its_detail_whole()
    {
        var error = RegistryError.Of(new PullFailure(PullFailureKind.UpstreamFailed, string.Join(' ', Enumerable.Repeat("reason", 1000)), "quay", "quay.io"), "team/app:1");
        Assert.InRange(error.Message.Length, 600, 701);
        Assert.EndsWith("reason…", error.Message, StringComparison.Ordinal);
        Assert.Equal(6999, error.Reason!.Length);
    }

    [Fact]
    public void An_error_without_a_detail_has_none() =>
        Assert.Null(JsonNode.Parse(RegistryErrorWriter.Serialize(RegistryError.InvalidName).Span)!["errors"]![0]!["detail"]);
}
