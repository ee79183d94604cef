using System.Collections.Immutable;
using System.Net;
using Millpond.Server.Access;
using Millpond.Server.Access.Policies;

namespace Millpond.Tests.Access;

/// <summary>Decisions as AWS makes them.</summary>
public sealed class PolicyEvaluationTests
{
    private const string Registry = "111111111111";
    private const string Repository = $"arn:aws:ecr:eu-west-1:{Registry}:repository/team-a/app";
    private const string Own = $"arn:aws:iam::{Registry}:role/node";
    private const string Dev = "arn:aws:iam::222222222222:role/eks-node";
    private const string Pull = """{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:BatchGetImage","Resource":"*"}]}""";
    private const string Deny = """{"Statement":{"Effect":"Deny","Action":"ecr:*","Resource":"*"}}""";

    [Theory]
    // Same account: either side is enough.
    [InlineData(Own, Pull, null, true, "")]
    [InlineData(Own, null, """{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/node"},"Action":"ecr:BatchGetImage"}""", true, "")]
    [InlineData(Own, null, """{"Effect":"Allow","Principal":"*","Action":"ecr:*"}""", true, "")]
    [InlineData(Own, null, null, false, "because no identity-based policy allows the ecr:BatchGetImage action")]
    // The whole account is named: its own policies must say so too.
    [InlineData(Own, null, """{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"ecr:*"}""", false, "because no identity-based policy allows the ecr:BatchGetImage action")]
    // Across accounts: both.
    [InlineData(Dev, Pull, """{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"ecr:BatchGetImage"}""", true, "")]
    [InlineData(Dev, Pull, """{"Effect":"Allow","Principal":{"AWS":["333333333333","222222222222"]},"Action":["ecr:BatchGet*"]}""", true, "")]
    [InlineData(Dev, Pull, null, false, "because no resource-based policy allows the ecr:BatchGetImage action")]
    [InlineData(Dev, Pull, """{"Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"ecr:*"}""", false, "because no resource-based policy allows the ecr:BatchGetImage action")]
    [InlineData(Dev, null, """{"Effect":"Allow","Principal":"*","Action":"ecr:*"}""", false, "because no identity-based policy allows the ecr:BatchGetImage action")]
    // A deny anywhere wins.
    [InlineData(Own, Deny, """{"Effect":"Allow","Principal":"*","Action":"ecr:*"}""", false, "with an explicit deny in an identity-based policy")]
    [InlineData(Own, Pull, """{"Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage"}""", false, "with an explicit deny in a resource-based policy")]
    [InlineData(Dev, Pull, """{"Effect":"Deny","NotPrincipal":{"AWS":"111111111111"},"Action":"ecr:*"}""", false, "with an explicit deny in a resource-based policy")]
    // As on AWS an account alone takes its root out of it and none of its roles: those are named beside it.
    [InlineData(Own, Pull, """{"Effect":"Deny","NotPrincipal":{"AWS":"111111111111"},"Action":"ecr:*"}""", false, "with an explicit deny in a resource-based policy")]
    // Actions and resources.
    [InlineData(Own, null, """{"Effect":"Allow","Principal":"*","Action":"ECR:batchgetimage"}""", true, "")]
    [InlineData(Own, null, """{"Effect":"Allow","Principal":"*","NotAction":"ecr:Put*"}""", true, "")]
    [InlineData(Own, null, """{"Effect":"Allow","Principal":"*","NotAction":"ecr:Batch*"}""", false, "because no identity-based policy allows the ecr:BatchGetImage action")]
    [InlineData(Own, null, """{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"arn:aws:ecr:*:*:repository/team-a/*"}""", true, "")]
    [InlineData(Own, null, """{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"arn:aws:ecr:*:*:repository/team-?"}""", false, "because no identity-based policy allows the ecr:BatchGetImage action")]
    [InlineData(Own, null, """{"Effect":"Allow","Principal":"*","Action":"ecr:*","NotResource":"*/app"}""", false, "because no identity-based policy allows the ecr:BatchGetImage action")]
    // Services of AWS are nobody here.
    [InlineData(Own, null, """{"Effect":"Allow","Principal":{"Service":"codebuild.amazonaws.com"},"Action":"ecr:*"}""", false, "because no identity-based policy allows the ecr:BatchGetImage action")]
    public void It_is_decided_as_on_aws(string who, string? identity, string? resource, bool allowed, string because)
    {
        var decision = Decide(who, identity, resource);
        Assert.Equal((allowed, because), (decision.IsAllowed, decision.Because));
    }

    [Theory]
    [InlineData("""{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}""", true)]
    [InlineData("""{"IpAddress":{"aws:SourceIp":["192.168.0.0/16","10.1.2.3"]}}""", true)]
    [InlineData("""{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}""", false)]
    [InlineData("""{"NotIpAddress":{"aws:SourceIp":"192.168.0.0/16"}}""", true)]
    [InlineData("""{"Bool":{"aws:SecureTransport":"true"}}""", false)]
    [InlineData("""{"Bool":{"aws:SecureTransport":false}}""", true)]
    [InlineData("""{"StringEquals":{"aws:PrincipalAccount":"111111111111"}}""", true)]
    [InlineData("""{"StringNotEquals":{"aws:PrincipalAccount":"111111111111"}}""", false)]
    [InlineData("""{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/no?e"}}""", true)]
    [InlineData("""{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}}""", true)]
    [InlineData("""{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*"}}""", false)]
    [InlineData("""{"StringEquals":{"ecr:ResourceTag/team":"a"}}""", true)]
    [InlineData("""{"StringEquals":{"ecr:ResourceTag/team":"b"}}""", false)]
    [InlineData("""{"StringEquals":{"ecr:ResourceTag/none":"b"}}""", false)]
    [InlineData("""{"StringNotEquals":{"ecr:ResourceTag/none":"b"}}""", true)]
    [InlineData("""{"StringEqualsIfExists":{"ecr:ResourceTag/none":"b"}}""", true)]
    [InlineData("""{"Null":{"ecr:ResourceTag/none":"true"}}""", true)]
    [InlineData("""{"ForAllValues:StringEquals":{"aws:TagKeys":["x"]}}""", true)]
    [InlineData("""{"ForAnyValue:StringEquals":{"aws:TagKeys":["x"]}}""", false)]
    [InlineData("""{"StringEquals":{"aws:PrincipalAccount":"111111111111"},"Bool":{"aws:SecureTransport":"true"}}""", false)]
    public void Conditions_are_met_or_not(string condition, bool met)
    {
        var statement = $$"""{"Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{{condition}}}""";
        Assert.Equal(met, Decide(Own, null, statement).IsAllowed);
    }

    [Theory]
    [InlineData("""{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}""", "StringEquals aws:PrincipalOrgID")]
    [InlineData("""{"DateGreaterThan":{"aws:PrincipalAccount":"1"}}""", "DateGreaterThan aws:PrincipalAccount")]
    public void What_is_not_known_lets_nobody_through_and_says_so(string condition, string name)
    {
        var allow = Decide(Own, null, $$"""{"Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{{condition}}}""");
        var deny = Decide(Own, Pull, $$"""{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{{condition}}}""");
        Assert.Equal((false, name), (allow.IsAllowed, allow.Unknown));
        Assert.Equal((false, name), (deny.IsAllowed, deny.Unknown));
    }

    [Theory]
    // AWS's own example: the account stands beside the one who is excepted, and excepts nobody but its root.
    [InlineData(Own, true)]
    [InlineData("arn:aws:iam::111111111111:role/other", false)]
    [InlineData("arn:aws:iam::111111111111:root", true)]
    public void A_deny_of_all_but_one_denies_the_others_of_his_account(string who, bool allowed)
    {
        const string ButOne = $$"""{"Effect":"Deny","NotPrincipal":{"AWS":["{{Own}}","arn:aws:iam::111111111111:root"]},"Action":"ecr:*"}""";
        Assert.Equal(allowed, Decide(who, Pull, ButOne).IsAllowed);
    }

    [Fact]
    public void A_session_is_its_role()
    {
        var decision = Decide(
            $"arn:aws:sts::{Registry}:assumed-role/node/i-1", null, """{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/node"},"Action":"ecr:*"}""");
        Assert.True(decision.IsAllowed);
    }

    [Fact]
    public void A_login_asks_the_principal_s_own_policies_alone()
    {
        var request = Request(Dev, "ecr:GetAuthorizationToken") with { IsIdentityOnly = true };
        Assert.True(PolicyEvaluation.Decide(request, [ManagedPolicies.Find("PullOnly")!], []).IsAllowed);
        Assert.False(PolicyEvaluation.Decide(request, [], [Parse("""{"Statement":{"Effect":"Allow","Principal":"*","Action":"*"}}""", PolicyKind.Repository)]).IsAllowed);
    }

    [Theory]
    [InlineData("PullOnly", "ecr:BatchImportUpstreamImage", true)]
    [InlineData("PullOnly", "ecr:BatchCheckLayerAvailability", false)]
    [InlineData("ReadOnly", "ecr:BatchImportUpstreamImage", false)]
    [InlineData("ReadOnly", "ecr:DescribeImages", true)]
    [InlineData("ReadOnly", "ecr:PutImage", false)]
    [InlineData("PowerUser", "ecr:PutImage", true)]
    [InlineData("PowerUser", "ecr:CreateRepository", false)]
    [InlineData("FullAccess", "ecr:CreateRepository", true)]
    [InlineData("FullAccess", "secretsmanager:GetSecretValue", false)]
    [InlineData("FullAccess", "millpond:CreatePrincipal", false)]
    public void Managed_policies_are_aws_s(string name, string action, bool allowed) =>
        Assert.Equal(allowed, PolicyEvaluation.Decide(Request(Own, action), [ManagedPolicies.Find(ManagedPolicies.NameOf("AmazonEC2ContainerRegistry" + name)!)!], []).IsAllowed);

    [Theory]
    [InlineData("*", "", true)]
    [InlineData("a*b", "ab", true)]
    [InlineData("a*b*c", "a--b--bc", true)]
    [InlineData("a?c", "abc", true)]
    [InlineData("a?c", "ac", false)]
    [InlineData("*a", "b", false)]
    [InlineData("a**", "a", true)]
    public void Wildcards_match(string pattern, string text, bool expected) => Assert.Equal(expected, Wildcard.Matches(pattern, text));

    [Fact]
    public void A_wildcard_of_many_stars_takes_no_time() =>
        Assert.False(Wildcard.Matches(string.Concat(Enumerable.Repeat("*a", 2000)) + "b", new string('a', 10_000)));

    private static PolicyDecision Decide(string who, string? identity, string? resource) => PolicyEvaluation.Decide(
        Request(who, "ecr:BatchGetImage"), identity is null ? [] : [Parse(identity, PolicyKind.Identity)],
        resource is null ? [] : [Parse($$"""{"Version":"2012-10-17","Statement":[{{resource}}]}""", PolicyKind.Repository)]);

    private static PolicyRequest Request(string who, string action) => new(PrincipalArn.Parse(who), action, Repository, Registry)
    {
        SourceIp = IPAddress.Parse("10.1.2.3"),
        Region = "eu-west-1",
        ResourceTags = new Dictionary<string, string> { ["team"] = "a" }.ToImmutableDictionary(),
    };

    private static PolicyDocument Parse(string text, PolicyKind kind)
    {
        Assert.True(PolicyDocument.TryParse(text, kind, out var document, out var why), why);
        return document;
    }
}
