using Millpond.Server.Lifecycle.Policies;

namespace Millpond.Tests.Lifecycle;

/// <summary>The grammar of policies, in the words of AWS where those are known.</summary>
public sealed class PolicyTextTests
{
    private const string Selection = """{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1}""";
    private const string Days = """{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":1}""";
    private const string Expire = """{"type":"expire"}""";
    private const string Transition = """{"type":"transition","targetStorageClass":"archive"}""";

    [Theory]
    [InlineData("", "Could not map policyString into LifecyclePolicy.")]
    [InlineData("[]", "Could not map policyString into LifecyclePolicy.")]
    [InlineData("""{"rules":[],"rules":[]}""", "Could not map policyString into LifecyclePolicy.")]
    [InlineData("{}", """object has missing required properties (["rules"])""")]
    [InlineData("""{"rules":null}""", """instance type (null) does not match any allowed primitive type (allowed: ["array"])""")]
    [InlineData("""{"rules":{}}""", """instance type (object) does not match any allowed primitive type (allowed: ["array"])""")]
    [InlineData("""{"rules":[]}""", "array is too short: must have at least 1 elements but instance has 0 elements")]
    [InlineData("""{"rules":[1]}""", """instance type (integer) does not match any allowed primitive type (allowed: ["object"])""")]
    [InlineData("""{"rules":[],"version":1}""", """object instance has properties which are not allowed by the schema: (["version"])""")]
    [InlineData("""{"rules":[{}]}""", """object has missing required properties (["action","rulePriority","selection"])""")]
    public void What_is_no_policy_is_told_so(string text, string why)
    {
        Assert.False(PolicyText.TryParse(text, out _, out var told));
        Assert.Equal(why, told);
    }

    [Theory]
    [InlineData("0", Selection, Expire, "numeric instance is lower than the required minimum (minimum: 1, found: 0)")]
    [InlineData("1.5", Selection, Expire, """instance type (number) does not match any allowed primitive type (allowed: ["integer"])""")]
    [InlineData("\"1\"", Selection, Expire, """instance type (string) does not match any allowed primitive type (allowed: ["integer"])""")]
    [InlineData("1", "{}", Expire, """object has missing required properties (["countNumber","countType","tagStatus"])""")]
    [InlineData("1", """{"tagStatus":"some","countType":"imageCountMoreThan","countNumber":1}""", Expire, """instance value ("some") not found in enum (possible values: ["tagged","untagged","any"])""")]
    [InlineData("1", """{"tagStatus":"any","countType":"bad","countNumber":1}""", Expire, "instance failed to match exactly one schema (matched 0 out of 2)")]
    [InlineData("1", """{"tagStatus":"any","countType":"imageCountMoreThan","countUnit":"days","countNumber":1}""", Expire, "instance failed to match exactly one schema (matched 0 out of 2)")]
    [InlineData("1", """{"tagStatus":"any","countType":"sinceImagePushed","countNumber":1}""", Expire, "instance failed to match exactly one schema (matched 0 out of 2)")]
    [InlineData("1", """{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"hours","countNumber":1}""", Expire, "instance failed to match exactly one schema (matched 0 out of 2)")]
    [InlineData("1", """{"tagStatus":"any","countType":"sinceImagePushed","countUnit":null,"countNumber":1}""", Expire, """instance type (null) does not match any allowed primitive type (allowed: ["string"])""")]
    [InlineData("1", """{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":0}""", Expire, "numeric instance is lower than the required minimum (minimum: 1, found: 0)")]
    [InlineData("1", """{"tagStatus":"tagged","countType":"imageCountMoreThan","countNumber":1}""", Expire, "Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED.")]
    [InlineData("1", """{"tagStatus":"any","tagPrefixList":["a"],"countType":"imageCountMoreThan","countNumber":1}""", Expire, "Can only specify tagPrefixList or tagPatternList when tagStatus=TAGGED.")]
    [InlineData("1", """{"tagStatus":"tagged","tagPrefixList":["a"],"tagPatternList":["b"],"countType":"imageCountMoreThan","countNumber":1}""", Expire, "Cannot specify both tagPrefixList and tagPatternList.")]
    [InlineData("1", """{"tagStatus":"tagged","tagPatternList":[],"countType":"imageCountMoreThan","countNumber":1}""", Expire, "array is too short: must have at least 1 elements but instance has 0 elements")]
    [InlineData("1", """{"tagStatus":"tagged","tagPatternList":["*a*b*c*d*"],"countType":"imageCountMoreThan","countNumber":1}""", Expire, "A pattern of tagPatternList can have at most 4 wildcards.")]
    [InlineData("1", """{"tagStatus":"any","storageClass":"archive","countType":"imageCountMoreThan","countNumber":1}""", Expire, "Only countType=sinceImageTransitioned can be used with storageClass=ARCHIVE.")]
    [InlineData("1", """{"tagStatus":"any","countType":"sinceImageTransitioned","countUnit":"days","countNumber":90}""", Expire, "Must specify storageClass=ARCHIVE when countType=sinceImageTransitioned.")]
    [InlineData("1", """{"tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":89}""", Expire, "numeric instance is lower than the required minimum (minimum: 90, found: 89)")]
    [InlineData("1", """{"tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":90}""", Transition, "Only the action type expire can be used with countType=sinceImageTransitioned.")]
    [InlineData("1", Selection, "{}", """object has missing required properties (["type"])""")]
    [InlineData("1", Selection, """{"type":"delete"}""", """instance value ("delete") not found in enum (possible values: ["expire","transition"])""")]
    [InlineData("1", Selection, """{"type":"transition"}""", "Must specify targetStorageClass when the action type is transition.")]
    [InlineData("1", Selection, """{"type":"expire","targetStorageClass":"archive"}""", "Can only specify targetStorageClass when the action type is transition.")]
    [InlineData("1", Selection, """{"type":"transition","targetStorageClass":"standard"}""", """instance value ("standard") not found in enum (possible values: ["archive"])""")]
    [InlineData("1", Selection, """{"type":"expire","when":"now"}""", """object instance has properties which are not allowed by the schema: (["when"])""")]
    [InlineData("1", Selection, Expire, null)]
    [InlineData("1", Days, Transition, null)]
    [InlineData("1", """{"tagStatus":"any","storageClass":"standard","countType":"sinceImagePulled","countUnit":"days","countNumber":7}""", Expire, null)]
    [InlineData("1", """{"tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":90}""", Expire, null)]
    public void A_rule_is_read_or_told_what_is_wrong(string priority, string selection, string action, string? why)
    {
        var isRead = PolicyText.TryParse($$"""{"rules":[{"rulePriority":{{priority}},"description":"a rule","selection":{{selection}},"action":{{action}}}]}""", out _, out var told);
        Assert.Equal(why ?? "", told);
        Assert.Equal(why is null, isRead);
    }

    [Theory]
    [InlineData("The rulePriority of each rule must be unique.", "1 any", "1 tagged a")]
    [InlineData("Only one rule can select Untagged images per storage class.", "1 untagged", "2 untagged")]
    [InlineData("Rule for tagStatus=ANY must have the lowest priority per storage class", "1 any", "2 untagged")]
    [InlineData("Each rule must have a unique set of tag prefixes or tag patterns per storage class.", "1 tagged a", "2 tagged a")]
    [InlineData("", "9 any", "2 untagged")]
    [InlineData("", "1 tagged a", "7 tagged b")]
    [InlineData("", "1 any", "2 archive")]
    public void Rules_fit_together_or_are_told_what_does_not(string why, params string[] rules)
    {
        var isRead = PolicyText.TryParse($$"""{"rules":[{{string.Join(',', rules.Select(Write))}}]}""", out _, out var told);
        Assert.Equal(why, told);
        Assert.Equal(why.Length == 0, isRead);

        static string Write(string rule) => rule.Split(' ') switch
        {
            [var priority, "archive"] => $$$"""{"rulePriority":{{{priority}}},"selection":{"tagStatus":"untagged","storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":100},"action":{"type":"expire"}}""",
            [var priority, "tagged", var tag] => $$$"""{"rulePriority":{{{priority}}},"selection":{"tagStatus":"tagged","tagPrefixList":["{{{tag}}}"],"countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}""",
            [var priority, var status] => $$$"""{"rulePriority":{{{priority}}},"selection":{"tagStatus":"{{{status}}}","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}""",
            _ => throw new InvalidOperationException(rule),
        };
    }

    [Fact]
    public void There_are_fifty_rules_at_most()
    {
        Assert.True(PolicyText.TryParse(Of(50), out var policy, out _));
        Assert.Equal(50, policy.Rules.Length);
        Assert.False(PolicyText.TryParse(Of(51), out _, out var why));
        Assert.Equal("array is too long: must have at most 50 elements but instance has 51 elements", why);

        static string Of(int count) =>
            $$"""{"rules":[{{string.Join(',', Enumerable.Range(1, count).Select(i => $$$"""{"rulePriority":{{{i}}},"selection":{"tagStatus":"tagged","tagPrefixList":["t{{{i}}}"],"countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}"""))}}]}""";
    }

    [Theory]
    [InlineData("prod*", "prod", true)]
    [InlineData("prod*", "production-1", true)]
    [InlineData("prod*", "xprod", false)]
    [InlineData("*web", "my-web", true)]
    [InlineData("*web", "web1", false)]
    [InlineData("a*b*c", "a-b-b-c", true)]
    [InlineData("a*b*c", "a-c-b", false)]
    [InlineData("a**b", "ab", true)]
    [InlineData("v1.0", "v1x0", false)]
    [InlineData("*", "", true)]
    public void A_pattern_is_a_whole_in_which_a_star_stands_for_anything(string pattern, string tag, bool matches) =>
        Assert.Equal(matches, new TagPattern(pattern, IsPrefix: false).Matches(tag));

    [Fact]
    public void Whatever_the_text_is_reading_it_throws_nothing()
    {
        var random = new Random(1);
        var whole = $$"""{"rules":[{"rulePriority":1,"selection":{{Days}},"action":{{Transition}}},{"rulePriority":2,"selection":{"tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":99},"action":{{Expire}}}]}""";
        for (var i = 0; i < 3000; i++)
        {
            var text = whole.ToCharArray();
            for (var j = random.Next(1, 6); j > 0; j--)
            {
                text[random.Next(text.Length)] = "{}[],:\"\\ 0ad\ud800"[random.Next(13)];
            }

            var isRead = PolicyText.TryParse(new string(text), out var policy, out var why);
            Assert.Equal(isRead, policy is not null);
            Assert.Equal(isRead, why.Length == 0);
        }
    }
}
