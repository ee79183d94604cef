using FsCheck;
using FsCheck.Fluent;
using Millpond.Images;

namespace Millpond.Tests.Images;

public sealed class RepositoryGlobTests
{
    [Theory]
    [InlineData("library/nginx", "library/nginx", true)]
    [InlineData("library/nginx", "library/nginx2", false)]
    [InlineData("library/nginx", "x/library/nginx", false)]
    [InlineData("library/*", "library/nginx", true)]
    [InlineData("library/*", "library/a/b", false)]
    [InlineData("library/**", "library/a/b", true)]
    [InlineData("library/**", "library", false)]
    [InlineData("library/**", "library2/a", false)]
    [InlineData("**", "a", true)]
    [InlineData("**", "a/b/c", true)]
    [InlineData("*", "a", true)]
    [InlineData("*", "a/b", false)]
    [InlineData("*/*", "a/b", true)]
    [InlineData("**/secret-*", "secret-x", true)]
    [InlineData("**/secret-*", "a/b/secret-x", true)]
    [InlineData("**/secret-*", "a/secret-x/b", false)]
    [InlineData("**/secret-*", "a/notsecret-x", false)]
    [InlineData("**/secret-*/**", "a/secret-x/b/c", true)]
    [InlineData("a/**/b", "a/b", true)]
    [InlineData("a/**/b", "a/x/y/b", true)]
    [InlineData("a/**/b", "a/xb", false)]
    [InlineData("a**b", "axx/yyb", true)]
    [InlineData("a*b", "axx/yyb", false)]
    [InlineData("a*b", "ab", true)]
    [InlineData("*-mirror/**/a*c", "x-mirror/abc", true)]
    [InlineData("team.a/*", "teamxa/b", false)]
    public void A_pattern_matches_whole_names(string pattern, string name, bool matches) =>
        Assert.Equal(matches, RepositoryGlob.Parse(pattern).Matches(RepositoryName.Parse(name)));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("/a")]
    [InlineData("a/")]
    [InlineData("a//b")]
    [InlineData("Library/*")]
    [InlineData("a?")]
    [InlineData("a:tag")]
    [InlineData("[a]")]
    public void A_pattern_that_could_match_no_name_is_refused(string? pattern) => Assert.False(RepositoryGlob.TryParse(pattern, out _));

    [Fact]
    public void A_name_matches_itself_and_each_part_may_be_a_star() =>
        Prop.ForAll(ReferenceGenerators.Path.Arb(), path =>
        {
            var name = RepositoryName.Parse(path);
            var slash = path.LastIndexOf('/');
            return RepositoryGlob.Parse(path).Matches(name)
                && RepositoryGlob.Parse("**").Matches(name)
                && RepositoryGlob.Parse("**/" + path).Matches(name)
                && RepositoryGlob.Parse("*" + path[1..]).Matches(name)
                && RepositoryGlob.Parse("*").Matches(name) == (slash < 0)
                && (slash < 0 || (RepositoryGlob.Parse(path[..slash] + "/*").Matches(name) && RepositoryGlob.Parse("**/*").Matches(name)));
        }).QuickCheckThrowOnFailure();
}
