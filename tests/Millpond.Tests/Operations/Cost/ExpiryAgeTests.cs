using Millpond.Server.Operations.Cost;

namespace Millpond.Tests.Operations.Cost;

/// <summary>A policy is read for an estimate: what is not understood is as if it were not there, and never a fault.</summary>
public sealed class ExpiryAgeTests
{
    private const string Built = """{"rulePriority":1,"selection":{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":30},"action":{"type":"expire"}}""";
    private const string Untagged = """{"rulePriority":2,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":1},"action":{"type":"expire"}}""";
    private const string Counted = """{"rulePriority":3,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":5},"action":{"type":"expire"}}""";
    private const string Archived = """{"rulePriority":4,"selection":{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"transition","targetStorageClass":"archive"}}""";

    [Theory]
    [InlineData(30, Built)]
    [InlineData(30, Untagged, Built, Archived)]
    [InlineData(null, Untagged)]
    [InlineData(null, Counted)]
    [InlineData(null, Archived)]
    [InlineData(null)]
    public void The_rule_for_all_images_counts(int? expected, params string[] rules) =>
        Assert.Equal(expected, ExpiryAge.Of($$"""{"rules":[{{string.Join(',', rules)}}]}"""));

    [Theory]
    [InlineData("")]
    [InlineData("no JSON")]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("null")]
    [InlineData("""{"rules":{}}""")]
    [InlineData("""{"rules":[1]}""")]
    [InlineData("""{"rules":[{"selection":7,"action":{}}]}""")]
    [InlineData("""{"rules":[{"selection":{"tagStatus":1},"action":{"type":"expire"}}]}""")]
    [InlineData("""{"rules":[{"selection":{"tagStatus":"any","countType":"sinceImagePushed","countNumber":"30"},"action":{"type":"expire"}}]}""")]
    [InlineData("""{"rules":[{"selection":{"tagStatus":"any","countType":"sinceImagePushed","countNumber":1e30},"action":{"type":"expire"}}]}""")]
    [InlineData("""{"rules":[{"selection":{"tagStatus":"any","countType":"sinceImagePushed","countNumber":-1},"action":{"type":"expire"}}]}""")]
    public void What_is_not_understood_lets_nothing_go(string policy) => Assert.Null(ExpiryAge.Of(policy));
}
