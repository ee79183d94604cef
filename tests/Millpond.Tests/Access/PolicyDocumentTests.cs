using Millpond.Server.Access;
using Millpond.Server.Access.Policies;

namespace Millpond.Tests.Access;

/// <summary>What a policy must be, and what is said of one that is not.</summary>
public sealed class PolicyDocumentTests
{
    private const string Statement = """{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"*"}""";

    [Theory]
    [InlineData("", "it is not JSON, or names something twice")]
    [InlineData("[]", "the policy is no object")]
    [InlineData("{}", "it has no Statement")]
    [InlineData("""{"Statement":[]}""", "it has no statements")]
    [InlineData("""{"Version":"2012-10-18","Statement":[]}""", "its Version is neither 2012-10-17 nor 2008-10-17")]
    [InlineData("""{"statement":[]}""", "the policy has an element that is not known")]
    [InlineData("""{"Statement":{"Effect":"allow","Principal":"*","Action":"ecr:*"}}""", "a statement's Effect is neither Allow nor Deny")]
    [InlineData("""{"Statement":{"Effect":"Allow","Effect":"Deny","Principal":"*","Action":"ecr:*"}}""", "it is not JSON, or names something twice")]
    [InlineData("""{"Statement":{"Effect":"Allow","Action":"ecr:*"}}""", "a statement has no Principal")]
    [InlineData("""{"Statement":{"Effect":"Allow","Principal":"*"}}""", "a statement has no Action")]
    [InlineData("""{"Statement":{"Effect":"Allow","Principal":"*","Action":"pull"}}""", "an Action has no service before a colon")]
    [InlineData("""{"Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*","NotAction":"ecr:*"}}""", "a statement has both Action and NotAction")]
    [InlineData("""{"Statement":{"Effect":"Allow","Principal":{"AWS":"somebody"},"Action":"ecr:*"}}""", "a Principal is neither *, an account, nor the ARN of a root, user, role or session")]
    [InlineData("""{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::11111111111:root"},"Action":"ecr:*"}}""", "a Principal is neither *, an account, nor the ARN of a root, user, role or session")]
    [InlineData("""{"Statement":{"Effect":"Allow","Principal":{"Everyone":"*"},"Action":"ecr:*"}}""", "a Principal is neither AWS nor a Service")]
    [InlineData("""{"Statement":{"Effect":"Allow","Principal":"*","Action":7}}""", "Action holds what is no text")]
    [InlineData("""{"Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"${aws:username}"}}""", "it has policy variables (${…}), which are not known here")]
    [InlineData("""{"Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":[]}}""", "a Condition is no object")]
    [InlineData("""{"Statement":{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}}}}""", "an IpAddress condition has a value that is neither an address nor a network")]
    [InlineData("""{"Statement":{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"Bool":{"aws:SecureTransport":"flase"}}}}""", "a Bool condition has a value that is neither true nor false")]
    [InlineData("""{"Statement":{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"Null":{"aws:username":"yes"}}}}""", "a Null condition has a value that is neither true nor false")]
    [InlineData("""{"Statement":{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"StringEquals":{"ecr:ResourceTag/owner":"${aws:username}"}}}}""", "it has policy variables (${…}), which are not known here")]
    public void A_mistake_is_named(string text, string why)
    {
        Assert.False(PolicyDocument.TryParse(text, PolicyKind.Repository, out _, out var said));
        Assert.Equal(why, said);
    }

    [Fact]
    public void What_it_hangs_on_says_what_it_needs()
    {
        Assert.True(PolicyDocument.TryParse($$"""{"Version":"2008-10-17","Id":"x","Statement":[{{Statement}}]}""", PolicyKind.Registry, out _, out _));
        Assert.False(PolicyDocument.TryParse($$"""{"Statement":[{{Statement}}]}""", PolicyKind.Identity, out _, out _));
        Assert.False(PolicyDocument.TryParse("""{"Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*"}}""", PolicyKind.Registry, out _, out _));
        Assert.True(PolicyDocument.TryParse("""{"Statement":{"Sid":"with spaces","Effect":"Allow","Principal":"*","Action":"ecr:*"}}""", PolicyKind.Repository, out _, out _));
    }

    [Theory]
    [InlineData("arn:aws:iam::222233334444:role/eks-node", "222233334444", "role", "eks-node")]
    [InlineData("arn:aws:iam::222233334444:user/path/to/ci", "222233334444", "user", "path/to/ci")]
    [InlineData("arn:aws-cn:iam::222233334444:root", "222233334444", "root", "")]
    [InlineData("arn:aws:sts::222233334444:assumed-role/node/i-1", "222233334444", "assumed-role", "node/i-1")]
    public void Principals_have_arns(string text, string account, string kind, string name)
    {
        Assert.True(PrincipalArn.TryParse(text, out var arn));
        Assert.Equal((account, kind, name), (arn.Account, arn.Kind, arn.Name));
    }

    [Theory]
    [InlineData("arn:aws:iam::222233334444:role/")]
    [InlineData("arn:aws:iam::22223333444:role/x")]
    [InlineData("arn:aws:iam::222233334444:group/x")]
    [InlineData("arn:aws:sts::222233334444:role/x")]
    [InlineData("arn:aws:iam::222233334444:assumed-role/x/y")]
    [InlineData("arn:aws:sts::222233334444:assumed-role/x")]
    [InlineData("arn:aws:iam::222233334444:role/x\n")]
    [InlineData("arn:aws:iam::२२२२३३३३४४४४:role/x")]
    [InlineData("*")]
    public void Other_texts_are_none(string text) => Assert.False(PrincipalArn.TryParse(text, out _));
}
