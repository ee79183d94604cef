using Millpond.Tests.Clients;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Conformance;

/// <summary>The suite itself: what a registry does rightly passes, and what it could do wrongly is found.</summary>
public sealed class SuiteTests
{
    [Fact]
    public async Task Every_lie_of_a_registry_is_found_where_it_is_told()
    {
        await using var millpond = await MillpondHost.StartAsync([]);
        List<string> believed = [];
        foreach (var (lie, number) in Lie.All.Select((lie, number) => (lie, number)))
        {
            using var http = new HttpClient(new LyingTransport(lie, new SocketsHttpHandler { AllowAutoRedirect = false })) { Timeout = Patience.Limit };
            var registry = new RegistryUnderTest(http, millpond.Address);
            var truthful = new RegistryUnderTest(millpond.Client, millpond.Address);
            var rows = Suite.Whole.Where(scenario => scenario.Api == lie.Api).Concat(ShapeScenarios.Whole(DataShapes.All.Where(shape => shape.Name == "subject")));
            var table = await ConformanceRun.RunAsync(registry, rows, $"lie-{number}", (repository, shape) => shape.PushAsync(truthful, repository));
            if (!table.Failures.Any(failure => failure.Api == lie.Api))
            {
                believed.Add($"{lie.Name}\n{table.ToMarkdown()}");
            }
        }

        Assert.Empty(believed);
    }

    /// <summary>What the CNCF registry 2.8 is known to do, and not to do: no referrers, tags in no order, no tag deletion, no single POST.</summary>
    [Fact]
    [Trait("Category", "Clients")]
    public async Task Docker_registry_is_found_to_do_what_it_does_and_no_more()
    {
        await using var server = await EmptyRegistry.StartAsync();
        using var http = new HttpClient { Timeout = Patience.Limit };
        var registry = new RegistryUnderTest(http, server.Address);
        var table = await ConformanceRun.RunAsync(registry, Suite.Whole, "conformance", (repository, shape) => shape.PushAsync(registry, repository));
        table.Publish("docker-registry");
        Api[] cannot = [Api.Referrers, Api.SinglePost, Api.TagDelete, Api.TagList];
        Assert.All(cannot, api => Assert.Contains(table.Failures, failure => failure.Api == api));
        Api[] can = [Api.Support, Api.UploadCancel];
        Assert.DoesNotContain(table.Failures, failure => can.Contains(failure.Api));
        Assert.Equal([], table.Failures.Where(failure => failure.Api == Api.PostThenPut && failure.Scenario.Contains("PostThenPut, sha256, 2048", StringComparison.Ordinal)));
        Assert.InRange(table.Failures.Count, table.Findings.Count / 10, table.Findings.Count * 2 / 3);
    }
}
