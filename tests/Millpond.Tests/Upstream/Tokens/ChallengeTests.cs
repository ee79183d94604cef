using FsCheck;
using FsCheck.Fluent;
using Millpond.Server.Upstream.Tokens;

namespace Millpond.Tests.Upstream.Tokens;

public sealed class ChallengeTests
{
    [Fact]
    public void A_bearer_challenge_has_its_parameters()
    {
        var challenge = Assert.Single(Challenge.Parse(
            ["Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:a/b:pull,push\""]));

        Assert.True(challenge.IsBearer);
        Assert.Equal("https://auth.docker.io/token", challenge["realm"]);
        Assert.Equal("registry.docker.io", challenge["service"]);
        Assert.Equal("repository:a/b:pull,push", challenge["scope"]);
        Assert.Null(challenge["error"]);
    }

    [Theory]
    [InlineData("Basic realm=\"a, b\", Bearer realm=\"r\"", "Basic", "Bearer")]
    [InlineData("Negotiate, Basic realm=\"a\"", "Negotiate", "Basic")]
    [InlineData("Negotiate dG9rZW4vKw==, Basic realm=\"a\"", "Negotiate", "Basic")]
    [InlineData("NTLM TlRMTVNTUAAC, Bearer realm=x", "NTLM", "Bearer")]
    [InlineData(" , ,bearer  realm = \"r\" , basic", "bearer", "basic")]
    [InlineData("Bearer realm=\"r\" service=\"no comma\"", "Bearer")]
    [InlineData("Bearer", "Bearer")]
    public void Challenges_of_one_line_are_told_apart(string line, params string[] schemes) =>
        Assert.Equal(schemes, Challenge.Parse([line]).Select(challenge => challenge.Scheme));

    [Fact]
    public void Challenges_of_several_lines_follow_each_other() =>
        Assert.Equal(["Basic", "Bearer"], Challenge.Parse(["Basic realm=\"a\"", "Bearer realm=\"b\""]).Select(challenge => challenge.Scheme));

    [Theory]
    [InlineData("Bearer realm=\"a\\\"b\\\\c\"", "a\"b\\c")]
    [InlineData("Bearer realm=https://a/token,service=s", "https://a/token")]
    [InlineData("Bearer REALM=\"r\"", "r")]
    [InlineData("Bearer realm=\"first\",realm=\"second\"", "first")]
    [InlineData("Bearer realm=\"never closed", null)]
    [InlineData("Bearer realm=\"never closed\\", null)]
    [InlineData("Bearer realm=\"\"", null)]
    [InlineData("Bearer realm=", null)]
    [InlineData("Bearer =\"r\"", null)]
    [InlineData("Bearer abc==", null)]
    public void A_realm_is_read_or_absent(string line, string? realm) => Assert.Equal(realm, Assert.Single(Challenge.Parse([line]))["realm"]);

    [Theory]
    [InlineData("")]
    [InlineData(",,,")]
    [InlineData("\"Bearer\" realm=\"r\"")]
    [InlineData("=x")]
    public void What_is_no_challenge_is_none(string line) => Assert.Empty(Challenge.Parse([line]));

    [Fact]
    public void A_flood_is_bounded()
    {
        Assert.Empty(Challenge.Parse(["Bearer realm=\"" + new string('x', 10_000) + "\""]));
        Assert.Equal(16, Challenge.Parse(Enumerable.Repeat("Basic, Bearer", 1000)).Count);
        Assert.Equal(32, Challenge.Parse(["Bearer " + string.Join(',', Enumerable.Range(0, 900).Select(i => $"p{i}=1"))])[0].Parameters.Count);
    }

    [Fact]
    public void Whatever_is_written_by_the_grammar_is_read_back()
    {
        var name = Gen.NonEmptyListOf(Gen.Elements("abcXYZ019-_!#".ToCharArray())).Select(list => new string([.. list]));
        var value = Gen.ListOf(Gen.Elements("ab\"\\ ,=/:?&\t".ToCharArray())).Select(list => new string([.. list]));
        var parameters = Gen.ListOf(Gen.Zip(name, value)).Select(list => list.DistinctBy(pair => pair.Item1.ToLowerInvariant()).Take(20).ToList());
        var challenges = Gen.NonEmptyListOf(Gen.Zip(name, parameters)).Select(list => list.Take(10).ToList());

        Prop.ForAll(challenges.ToArbitrary(), written =>
        {
            var line = string.Join(", ", written.Select(challenge =>
                $"{challenge.Item1} {string.Join(", ", challenge.Item2.Select(pair => $"{pair.Item1}=\"{pair.Item2.Replace("\\", "\\\\").Replace("\"", "\\\"")}\""))}".Trim()));
            if (line.Length > 8 * 1024)
            {
                return true;
            }

            var read = Challenge.Parse([line]);
            return read.Select(challenge => challenge.Scheme).SequenceEqual(written.Select(challenge => challenge.Item1))
                && read.Zip(written).All(both => both.First.Parameters.Count == both.Second.Item2.Count
                    && both.Second.Item2.All(pair => both.First.Parameters[pair.Item1] == pair.Item2));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Nothing_a_stranger_writes_throws_or_grows()
    {
        var fragments = Gen.Elements("Bearer", "Basic", " ", "  ", ",", "=", "==", "\"", "\\", "realm", "x", "\t", "é", "\u0000", "\r\n", "Bearer realm=\"", "/+");
        var lines = Gen.ListOf(fragments).Select(list => string.Concat(list));

        Prop.ForAll(lines.ToArbitrary(), line =>
        {
            var read = Challenge.Parse([line]);
            return read.Count <= 16 && read.All(challenge => challenge.Scheme.Length > 0 && challenge.Scheme.Length <= line.Length);
        }).QuickCheckThrowOnFailure();
    }
}
