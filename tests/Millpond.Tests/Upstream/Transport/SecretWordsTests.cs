using System.Diagnostics;
using FsCheck;
using FsCheck.Fluent;
using Millpond.Server.Configuration;
using Millpond.Server.Credentials;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Tests.Upstream.Transport;

public sealed class SecretWordsTests
{
    private const string Password = "hunter2-hunter2-0123456789abcdef-ZYXWVU";

    [Fact]
    public void No_piece_of_eight_characters_is_left_wherever_it_stands() =>
        Prop.ForAll<int, int, NonNull<string>>((from, length, around) =>
        {
            var start = (int)((uint)from % (Password.Length - 8));
            var piece = Password.Substring(start, 8 + (int)((uint)length % (Password.Length - start - 7)));
            return !HoldsAPiece(Words(Password).Redact(around.Get + piece + around.Get), Password);
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(190)]
    [InlineData(199)]
    [InlineData(200)]
    public void A_secret_across_the_cut_leaves_nothing_of_itself(int at) =>
        Assert.False(HoldsAPiece(Words(Password).Quote(new string('x', at) + Password + " tail", 200), Password, atLeast: 4));

    [Fact]
    public void A_short_secret_is_hidden_whole() => Assert.Equal("it is [redacted]!", Words("s3cret").Redact("it is s3cret!"));

    [Fact]
    public void A_user_name_is_no_secret() => Assert.Equal("robot may not read it", Words(Password).Redact("robot may not read it"));

    [Fact]
    public void What_is_sent_as_basic_is_hidden_too()
    {
        var basic = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"robot:{Password}"));
        Assert.Equal("you sent Basic [redacted]", Words(Password).Redact($"you sent Basic {basic}"));
    }

    [Theory]
    [InlineData("X-Api-Key", "key-0123456789", true)]
    [InlineData("Authorization", "Bearer key-0123456789", true)]
    [InlineData("Cookie", "session=0123456789", true)]
    [InlineData("X-Cache-Chain", "millpond-of-corp", false)]
    [InlineData("User-Agent", "corp-cache/1.0", false)]
    public void A_headers_value_is_a_secret_unless_the_header_is_harmless(string name, string value, bool hidden)
    {
        var words = new SecretWords(Rule() with { Headers = [new(name, value)] }, []);
        Assert.Equal(hidden, !words.Redact($"header was {value}").Contains(value[^8..], StringComparison.Ordinal));
    }

    [Fact]
    public void What_a_configured_Basic_says_is_hidden_in_plain_words_too()
    {
        var basic = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"robot:{Password}"));
        var words = new SecretWords(Rule() with { Headers = [new("Authorization", $"Basic {basic}")] }, []);
        Assert.Equal($"robot with [redacted], {basic[..4]}, see:[redacted]", words.Redact($"robot with {Password}, {basic[..4]}, see:{basic}"));
        Assert.Equal("plain", new SecretWords(Rule() with { Headers = [new("Authorization", "Basic not*base64")] }, []).Redact("plain"));
    }

    [Fact]
    public void A_proxys_login_is_hidden_as_it_is_and_as_a_url_has_it()
    {
        var words = new SecretWords(Rule(), ["p@ss/word-1234"]);
        Assert.Equal("[redacted] and [redacted]", words.Redact("p@ss/word-1234 and p%40ss%2Fword-1234"));
    }

    [Fact]
    public void No_flood_of_tokens_drives_the_credential_out()
    {
        var words = Words(Password);
        for (var i = 0; i < 1000; i++)
        {
            words.Sent(null, $"token-number-{i:000000}");
        }

        Assert.Equal("[redacted]", words.Redact(Password));
        Assert.Equal("[redacted]", words.Redact("token-number-000999"));
    }

    [Fact]
    public void An_upstream_that_chooses_token_and_text_costs_no_more_than_any_other()
    {
        var words = Words(Password);
        words.Sent(null, new string('a', 32 * 1024));
        var watch = Stopwatch.StartNew();
        Assert.Equal("[redacted]", words.Redact(new string('a', 16 * 1024)));

        // Quadratic, it took minutes.
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void A_failure_that_tells_no_secret_costs_nothing_of_the_many_that_are_known()
    {
        var words = Words(Password);
        var random = new Random(1);
        for (var i = 0; i < 64; i++)
        {
            words.Sent(null, Convert.ToBase64String(Bytes(random, 4096)));
        }

        // To look for each piece of 64 tokens of 5 KB took 10 ms for each text.
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < 5000; i++)
        {
            var text = $"registry.example says team/app{i} has no manifest v{i}: MANIFEST_UNKNOWN: manifest unknown";
            Assert.Equal(text, words.Redact(text));
        }

        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void Whatever_came_and_went_the_tokens_that_are_known_are_hidden()
    {
        var words = Words(Password);
        var random = new Random(2);
        string[] tokens = [.. Enumerable.Range(0, 400).Select(_ => Convert.ToBase64String(Bytes(random, 300)).Replace('+', '-').Replace('/', '_'))];
        foreach (var token in tokens)
        {
            words.Sent(null, token);
            Assert.Equal("it was [redacted]", words.Redact($"it was {token}"));
        }

        Assert.All(tokens[^64..], token => Assert.Equal("it was [redacted]", words.Redact($"it was {token[100..110]}")));
        Assert.Equal("[redacted]", words.Redact(Password));
    }

    private static byte[] Bytes(Random random, int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    private static PullThroughRule Rule() => new() { Prefix = "up", UpstreamName = "up.example", Upstream = new Uri("https://up.example") };

    private static SecretWords Words(string password)
    {
        var words = new SecretWords(Rule(), []);
        words.Sent(new UpstreamCredential("robot", password, "1"), null);
        return words;
    }

    private static bool HoldsAPiece(string text, string secret, int atLeast = 8) =>
        Enumerable.Range(0, secret.Length - atLeast + 1).Any(i => text.Contains(secret.Substring(i, atLeast), StringComparison.Ordinal));
}
