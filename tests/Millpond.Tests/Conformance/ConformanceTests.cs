using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Conformance;

/// <summary>The OCI distribution specification 1.1, told to this server over HTTP: as a registry, and as a cache.</summary>
public sealed class ConformanceTests
{
    [Fact]
    public async Task A_registry_does_what_the_specification_says()
    {
        await using var millpond = await MillpondHost.StartAsync([]);
        var registry = new RegistryUnderTest(millpond.Client, millpond.Address);
        var table = await ConformanceRun.RunAsync(registry, Suite.Whole, "conformance", (repository, shape) => shape.PushAsync(registry, repository));
        table.Publish("push");
        Assert.Empty(table.Failures);
    }

    [Fact]
    public async Task A_registry_that_may_have_sparse_indexes_takes_them()
    {
        await using var millpond = await MillpondHost.StartAsync([], new() { Configure = configuration => configuration with { Push = configuration.Push with { SparseIndexes = true } } });
        var registry = new RegistryUnderTest(millpond.Client, millpond.Address);
        var table = await ConformanceRun.RunAsync(registry, ShapeScenarios.Whole([DataShapes.Sparse]), "conformance", (repository, shape) => shape.PushAsync(registry, repository));
        Assert.Empty(table.Failures);
    }

    [Fact]
    public async Task A_cache_does_what_the_specification_says_of_reading()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var millpond = await MillpondHost.StartAsync(upstream);
        var table = await ConformanceRun.RunAsync(new RegistryUnderTest(millpond.Client, millpond.Address), [.. Suite.ReadOnly, .. CacheScenarios.Of("up")], "up/conformance", (repository, shape) =>
        {
            shape.AddTo(upstream, repository["up/".Length..]);
            return Task.CompletedTask;
        });
        table.Publish("cache");
        Assert.Empty(table.Failures);
    }

    /// <summary>Everything that was pushed to one is pulled through another.</summary>
    [Fact]
    public async Task A_cache_of_a_registry_of_our_own_does_what_the_specification_says_of_reading()
    {
        await using var first = await MillpondHost.StartAsync([]);
        await using var second = await MillpondHost.StartAsync([MillpondHost.Rule("up", first.Address)]);
        var registry = new RegistryUnderTest(first.Client, first.Address);
        var table = await ConformanceRun.RunAsync(
            new RegistryUnderTest(second.Client, second.Address), Suite.ReadOnly.Where(scenario => scenario.Name != DataShapes.Sparse.Name), "up/conformance",
            (repository, shape) => shape.PushAsync(registry, repository["up/".Length..]));
        table.Publish("chain");
        Assert.Empty(table.Failures);
    }
}
