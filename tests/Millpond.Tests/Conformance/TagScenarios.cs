using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Millpond.Tests.Conformance;

/// <summary>Lists of tags, whole and in pages.</summary>
internal static partial class TagScenarios
{
    /// <summary>In the order of ASCII, which is not that of a dictionary.</summary>
    private static readonly string[] Tags = ["0", "1.0", "1.0-rc.1", "A", "B", "Z_", "_x", "a", "aa", "b", "latest", "z"];

    private static readonly DataShape Tagged = Build();

    /// <summary>Also of a cache.</summary>
    public static IEnumerable<Scenario> Pull =>
    [
        Pages("all", "", Tags, mayContinue: false),
        Pages("n=1", "?n=1", Tags[..1]),
        Pages("n=5", "?n=5", Tags[..5]),
        Pages("n as many as there are", $"?n={Tags.Length}", Tags, mayContinue: false),
        Pages("n beyond", "?n=1000", Tags, mayContinue: false),
        Pages("n=0", "?n=0", [], mayContinue: false),
        Pages("last", "?last=a", Tags[8..], mayContinue: false),
        Pages("n and last", "?n=3&last=A", Tags[4..7]),
        Pages("last and n, in the other order", "?last=A&n=3", Tags[4..7]),
        Pages("last is the last", "?last=z", [], mayContinue: false),
        Pages("n and the last", "?n=2&last=latest", Tags[11..], mayContinue: false),
        Pages("last is no tag of it", "?n=2&last=Y", Tags[5..7]),
        Pages("last is before all", "?n=2&last=-", Tags[..2]),
        Scenario.Of(Api.TagList, "pages followed to the end", async talk =>
        {
            await talk.ProvideAsync(Tagged);
            List<string> seen = [];
            for (string? next = $"/v2/{talk.Repository}/tags/list?n=5"; next is not null;)
            {
                var page = (await talk.Registry.GetAsync(next)).Expect(200);
                seen.AddRange(TagsOf(page));
                next = NextOf(page);
            }

            Assert.Equal(Tags, seen);
        }),
        Scenario.Of(Api.TagList, "of a repository nobody knows", async talk =>
            (await talk.Registry.GetAsync($"/v2/{talk.Repository}/none/tags/list")).Expect(404).ExpectError("NAME_UNKNOWN")),
        .. ((string[])["n=-1", "n=x", "n=1.5"]).Select(query => Scenario.Of(Api.TagList, $"{query} is refused, or as if it were not there", async talk =>
        {
            await talk.ProvideAsync(Tagged);
            var answer = (await talk.Registry.GetAsync($"/v2/{talk.Repository}/tags/list?{query}")).Expect(200, 400);
            if (answer.Is(200))
            {
                AssertTags(answer, talk.Repository, Tags);
            }
        })),
    ];

    public static void AssertTags(Answer answer, string repository, IReadOnlyList<string> tags)
    {
        if (!answer.Header("Content-Type").StartsWith("application/json", StringComparison.Ordinal))
        {
            throw answer.Wrong("a list of tags is application/json");
        }

        if ((string?)answer.Json["name"] != repository)
        {
            throw answer.Wrong($"the list is named {answer.Json["name"]}");
        }

        if (!TagsOf(answer).SequenceEqual(tags))
        {
            throw answer.Wrong($"tags {string.Join(", ", tags)} were expected");
        }
    }

    /// <summary>Where the Link header leads.</summary>
    public static string? NextOf(Answer answer)
    {
        if (answer.HeaderOrNull("Link") is not { } link)
        {
            return null;
        }

        var match = LinkGrammar().Match(link);
        return match.Success ? match.Groups[1].Value : throw answer.Wrong("this is no Link header of RFC 5988 with rel=\"next\"");
    }

    private static List<string> TagsOf(Answer answer) =>
        [.. ((answer.Json["tags"] as JsonArray) ?? throw answer.Wrong("tags must be a list")).Select(tag => (string)tag!)];

    private static Scenario Pages(string name, string query, IReadOnlyList<string> tags, bool mayContinue = true) => Scenario.Of(Api.TagList, name, async talk =>
    {
        await talk.ProvideAsync(Tagged);
        var answer = (await talk.Registry.GetAsync($"/v2/{talk.Repository}/tags/list{query}")).Expect(200);
        AssertTags(answer, talk.Repository, tags);
        _ = NextOf(answer);
        if (!mayContinue)
        {
            answer.ExpectNoHeader("Link");
        }
    });

    private static DataShape Build()
    {
        var shape = new ShapeBuilder("tags");
        var image = shape.Image(layers: []);
        foreach (var tag in Tags.Reverse())
        {
            shape.Add(image.MediaType, image.Content, tag);
        }

        return shape.Build();
    }

    [GeneratedRegex("""\A<([^>]+)>; *rel="next"\z""")]
    private static partial Regex LinkGrammar();
}
