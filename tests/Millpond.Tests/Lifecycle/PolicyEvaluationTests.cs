using System.Text;
using Millpond.Images;
using Millpond.Server.Catalog.Expiry;
using Millpond.Server.Lifecycle.Policies;

namespace Millpond.Tests.Lifecycle;

/// <summary>The evaluation against the examples of AWS's documentation, and against a plain one that follows its words.</summary>
public sealed class PolicyEvaluationTests
{
    private const long Day = 24L * 60 * 60 * 1000;

    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("A:beta-1,prod-1@10 B:beta-2,prod-2@9 C:beta-3@8", "1 tagged prod* count 1; 2 tagged beta* count 1", "A")]
    [InlineData("A:beta-1,prod-1@10 B:beta-2,prod-2@9 C:beta-3@8", "1 tagged beta* count 1; 2 tagged prod* count 1", "AB")]
    [InlineData("A:alpha-1@12 B:beta-1@11 C:alpha-2,beta-2@10 D:alpha-3@4 E:beta-3@3 F:alpha-4,beta-4@2", "1 tagged alpha*,beta* pushed 5", "C")]
    [InlineData("A:alpha-1,beta-1,gamma-1@10 B:alpha-2,beta-2@9 C:alpha-3,beta-3,gamma-2@8", "1 tagged alpha*,beta* count 1", "AB")]
    [InlineData("A:alpha-1@4 B:beta-1@3 C:@2 D:alpha-2@1", "1 any count 1", "ABC")]
    [InlineData("A:alpha-1,beta-1@4 B:@3 C:alpha-2@2 D:githash@1 E:@1", "1 tagged alpha* count 1; 2 untagged pushed 1; 3 any count 1", "ABD")]
    public void The_documented_examples(string images, string rules, string expected)
    {
        var marks = PolicyEvaluation.Evaluate(Policy(rules), [.. images.Split(' ').Select(Image)], Now);
        Assert.Equal(expected, Names(marks));
    }

    [Fact]
    public void An_age_is_more_than_so_many_days()
    {
        var images = new[] { Made('A', 30 * Day), Made('B', (30 * Day) + 1), Made('C', -5 * Day) };
        Assert.Equal("B", Names(PolicyEvaluation.Evaluate(Policy("1 any pushed 30"), images, Now)));
    }

    [Fact]
    public void Days_that_no_clock_can_run_expire_nothing()
    {
        var rule = Policy("1 any pushed 1").Rules[0] with { CountNumber = long.MaxValue };
        Assert.Empty(PolicyEvaluation.Evaluate(new([rule]), [Made('A', 10_000 * Day)], Now));
    }

    [Fact]
    public void What_an_index_names_is_neither_chosen_nor_ranked_and_what_speaks_of_an_image_goes_with_it()
    {
        var images = new[] { Made('A', 9 * Day), Made('B', 8 * Day, isListed: true), Made('C', 7 * Day, isListed: true), Made('D', 6 * Day, follows: true), Made('E', 5 * Day), Made('F', 4 * Day) };
        Assert.Equal("A", Names(PolicyEvaluation.Evaluate(Policy("1 any count 2"), images, Now)));
    }

    [Fact]
    public void A_pull_counts_only_for_the_rule_that_names_it()
    {
        var images = new[] { Made('A', 40 * Day, pulled: 1 * Day), Made('B', 40 * Day), Made('C', 40 * Day, pulled: 20 * Day), Made('D', 40 * Day, pulled: 20 * Day, activated: 2 * Day) };
        Assert.Equal("BC", Names(PolicyEvaluation.Evaluate(Policy("1 any pulled 10"), images, Now)));
        Assert.Equal("ABC", Names(PolicyEvaluation.Evaluate(Policy("1 any pushed 30"), images, Now)));
    }

    [Fact]
    public void Archived_images_are_for_the_rules_of_the_archive_alone()
    {
        var images = new[] { Made('A', 400 * Day, archived: 100 * Day), Made('B', 400 * Day, archived: 89 * Day), Made('C', 400 * Day) };
        Assert.Equal("AC", Names(PolicyEvaluation.Evaluate(Policy("1 any pushed 30; 2 any archive 90"), images, Now)));
        Assert.Empty(PolicyEvaluation.Evaluate(Policy("1 any count 1"), images, Now));
    }

    /// <summary>Whatever the rules' order, the ties and the tags are.</summary>
    [Fact]
    public void It_is_what_the_documentation_s_words_say()
    {
        var random = new Random(7);
        for (var round = 0; round < 3000; round++)
        {
            var images = Enumerable.Range(0, random.Next(0, 14)).Select(i => RandomImage(random, (char)('A' + i))).ToList();
            var policy = RandomPolicy(random);
            var expected = Reference(policy, images);
            var marks = PolicyEvaluation.Evaluate(policy, images, Now);
            Assert.Equal(expected.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key}{pair.Value}"), marks.Select(mark => $"{NameOf(mark.Image)}{mark.Rule.Priority}").Order(StringComparer.Ordinal));
            Assert.Equal(marks.Select(mark => mark.Image.PushedAt).Order(), marks.Select(mark => mark.Image.PushedAt));
        }
    }

    /// <summary>As it is written down: slow, and plain.</summary>
    private static Dictionary<char, long> Reference(LifecyclePolicy policy, List<LifecycleImage> images)
    {
        var eligible = images.Where(image => !image.IsListed && !image.Follows).ToList();
        var (claimed, marked) = (new HashSet<LifecycleImage>(), new Dictionary<char, long>());
        foreach (var rule in policy.Rules.OrderBy(rule => rule.Priority))
        {
            var matching = eligible.Where(image => image.IsArchived == rule.OfArchive && rule.TagStatus switch
            {
                TagStatus.Any => true,
                TagStatus.Untagged => image.Tags.Count == 0,
                _ => rule.Tags.All(pattern => image.Tags.Any(tag => System.Text.RegularExpressions.Regex.IsMatch(tag, pattern.IsPrefix
                    ? "^" + System.Text.RegularExpressions.Regex.Escape(pattern.Text)
                    : "^" + string.Join(".*", pattern.Text.Split('*').Select(System.Text.RegularExpressions.Regex.Escape)) + "$"))),
            }).ToList();
            var candidates = rule.CountType == CountType.ImageCountMoreThan
                ? matching.OrderByDescending(image => image.PushedAt).ThenByDescending(images.IndexOf).Skip((int)rule.CountNumber)
                : matching.Where(image => Now.ToUnixTimeMilliseconds() - Since(rule.CountType, image) > rule.CountNumber * Day);
            foreach (var image in candidates.Where(image => !claimed.Contains(image)).ToList())
            {
                marked[NameOf(image)] = rule.Priority;
            }

            claimed.UnionWith(matching);
        }

        return marked;

        static long Since(CountType type, LifecycleImage image) => type switch
        {
            CountType.SinceImageTransitioned => image.ArchivedAt,
            CountType.SinceImagePushed => image.ActivatedAt == 0 ? image.PushedAt : image.ActivatedAt,
            _ => new[] { image.PushedAt, image.ActivatedAt, image.PulledAt }.Max(),
        };
    }

    private static LifecyclePolicy RandomPolicy(Random random)
    {
        string[] tags = ["a*", "b*", "a*,b*", "*1", "c*"];
        var rules = tags.OrderBy(_ => random.Next()).Take(random.Next(0, 4)).Select(tag => "tagged " + tag + Count()).ToList();
        if (random.Next(2) == 0)
        {
            rules.Insert(random.Next(rules.Count + 1), "untagged" + Count());
        }

        if (random.Next(3) == 0)
        {
            rules.Insert(random.Next(rules.Count + 1), "untagged archive 90");
        }

        rules.Add("any" + Count());
        return Policy(string.Join("; ", rules.Select((rule, index) => $"{(index * 3) + random.Next(1, 4)} {rule}")));

        string Count() => random.Next(3) switch { 0 => $" count {random.Next(1, 5)}", 1 => $" pushed {random.Next(1, 6)}", _ => $" pulled {random.Next(1, 6)}" };
    }

    private static LifecycleImage RandomImage(Random random, char name)
    {
        string[] some = ["a-1", "a-2", "b-1", "b-2", "c", "other"];
        return new()
        {
            Digest = Digest.Sha256(Encoding.UTF8.GetBytes(name.ToString())),
            Tags = [.. some.Where(_ => random.Next(4) == 0)],
            PushedAt = Ago(random.Next(0, 7) * Day),
            PulledAt = random.Next(2) == 0 ? 0 : Ago(random.Next(0, 7) * Day),
            ActivatedAt = random.Next(5) == 0 ? Ago(random.Next(0, 3) * Day) : 0,
            ArchivedAt = Ago(random.Next(80, 100) * Day),
            IsArchived = random.Next(5) == 0,
            IsListed = random.Next(6) == 0,
            Follows = random.Next(8) == 0,
        };
    }

    private static LifecyclePolicy Policy(string rules)
    {
        var text = string.Join(',', rules.Split("; ").Select(rule =>
        {
            var words = rule.Split(' ');
            var (status, tags) = words[1] == "tagged" ? ("tagged", words[2].Split(',')) : (words[1], []);
            var (count, number) = (words[^2], words[^1]);
            var type = count switch { "count" => "imageCountMoreThan", "pushed" => "sinceImagePushed", "pulled" => "sinceImagePulled", _ => "sinceImageTransitioned" };
            var list = tags.Length > 0 ? $"\"tagPatternList\":[\"{string.Join("\",\"", tags)}\"]," : "";
            var storage = count == "archive" ? "\"storageClass\":\"archive\"," : "";
            var unit = count == "count" ? "" : "\"countUnit\":\"days\",";
            return $$$"""{"rulePriority":{{{words[0]}}},"selection":{"tagStatus":"{{{status}}}",{{{list}}}{{{storage}}}"countType":"{{{type}}}",{{{unit}}}"countNumber":{{{number}}}},"action":{"type":"expire"}}""";
        }));
        Assert.True(PolicyText.TryParse($$"""{"rules":[{{text}}]}""", out var policy, out var why), why + text);
        return policy;
    }

    private static LifecycleImage Image(string text)
    {
        var (name, tags, days) = (text[0], text[2..text.IndexOf('@', StringComparison.Ordinal)], long.Parse(text[(text.IndexOf('@', StringComparison.Ordinal) + 1)..], System.Globalization.CultureInfo.InvariantCulture));
        return new() { Digest = Digest.Sha256(Encoding.UTF8.GetBytes(name.ToString())), Tags = tags.Length == 0 ? [] : tags.Split(','), PushedAt = Ago(days * Day) };
    }

    private static LifecycleImage Made(char name, long age, long? pulled = null, long? activated = null, long? archived = null, bool isListed = false, bool follows = false) => new()
    {
        Digest = Digest.Sha256(Encoding.UTF8.GetBytes(name.ToString())),
        PushedAt = Ago(age),
        PulledAt = pulled is { } at ? Ago(at) : 0,
        ActivatedAt = activated is { } again ? Ago(again) : 0,
        ArchivedAt = archived is { } put ? Ago(put) : 0,
        IsArchived = archived is not null,
        IsListed = isListed,
        Follows = follows,
    };

    private static long Ago(long milliseconds) => Now.ToUnixTimeMilliseconds() - milliseconds;

    private static char NameOf(LifecycleImage image) => Enumerable.Range('A', 26).Select(i => (char)i).First(c => Digest.Sha256(Encoding.UTF8.GetBytes(c.ToString())) == image.Digest);

    private static string Names(IEnumerable<Mark> marks) => string.Concat(marks.Select(mark => NameOf(mark.Image)).Order());
}
