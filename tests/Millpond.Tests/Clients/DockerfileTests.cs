using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>The image's files as they are documented, by the oldest builder that they are for.</summary>
public sealed class DockerfileTests
{
    [Fact]
    public async Task Both_files_end_alike()
    {
        var ends = await Task.WhenAll(new[] { "deploy/Dockerfile", "deploy/Dockerfile.folder" }.Select(async file =>
        {
            var text = await File.ReadAllTextAsync(Path.Join(RequireClient.Repository, file), TestContext.Current.CancellationToken);
            return text[text.IndexOf("FROM ${BASE}", StringComparison.Ordinal)..];
        }));
        Assert.Equal(ends[0], ends[1]);
    }

    [Fact]
    [Trait("Category", "Clients")]
    public async Task Buildah_builds_it_from_source_as_documented()
    {
        RequireClient.OrSkip("buildah");
        Assert.SkipUnless(Environment.UserName == "root", "building an image here needs root");
        using var folder = new TemporaryFolder();
        using var build = new ClientProgram(Path.Join(RequireClient.Repository, "tests/tools/build-from-source.sh"));
        var answer = await build.RunAsync(folder.Path);
        answer.ShouldSucceed();
        Assert.Contains("published by the stand-in", answer.Output, StringComparison.Ordinal);
    }
}
