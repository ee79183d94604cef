using System.Text.Json;
using Millpond.Cli;

namespace Millpond.Tests.Cli;

public sealed class LocalsCommandTests
{
    private static readonly string[] Names = ["registry_quay", "registry_k8s", "registry_docker_hub", "registry_ghcr", "registry_gitlab"];
    private static readonly string[] Upstreams = ["quay.io", "registry.k8s.io", "docker.io", "ghcr.io", "registry.gitlab.com"];

    [Theory]
    [InlineData("all", new[] { "c.example/quay", "c.example/k8s", "c.example/docker-hub", "c.example/ghcr", "c.example/gitlab" })]
    [InlineData("default", new[] { "c.example/quay", "c.example/k8s", "docker.io", "ghcr.io", "registry.gitlab.com" })]
    [InlineData("opt-in", new[] { "quay.io", "registry.k8s.io", "c.example/docker-hub", "c.example/ghcr", "c.example/gitlab" })]
    [InlineData("quay, ghcr", new[] { "c.example/quay", "registry.k8s.io", "docker.io", "c.example/ghcr", "registry.gitlab.com" })]
    public void Json_is_one_object_with_the_five_names(string tiers, string[] values)
    {
        var run = Run("--registry", "c.example", "--tiers", tiers, "--format", "json");
        Assert.Equal(0, run.ExitCode);
        var json = JsonSerializer.Deserialize<Dictionary<string, string>>(run.Output);
        Assert.Equal(Names.Zip(values, KeyValuePair.Create), json);
    }

    [Fact]
    public void With_the_cache_off_each_name_is_the_upstreams_own_host()
    {
        var run = Run("--registry", "c.example", "--tiers", "all", "--enabled", "false", "--format", "json");
        Assert.Equal(Names.Zip(Upstreams, KeyValuePair.Create), JsonSerializer.Deserialize<Dictionary<string, string>>(run.Output));
        Assert.Equal(run.Output, Run("--enabled", "false", "--format", "json").Output);
    }

    [Fact]
    public void The_tier_that_needs_no_credential_is_the_default() =>
        Assert.Equal(Run("--registry", "c.example", "--tiers", "default").Output, Run("--registry", "c.example").Output);

    [Theory]
    [InlineData("tfvars", "registry_quay       = \"c.example:8443/mill/quay\"\nregistry_k8s        = \"c.example:8443/mill/k8s\"\n")]
    [InlineData("hcl", "locals {\n  registry_quay       = \"c.example:8443/mill/quay\"\n")]
    [InlineData("env", "REGISTRY_QUAY=c.example:8443/mill/quay\nREGISTRY_K8S=c.example:8443/mill/k8s\nREGISTRY_DOCKER_HUB=docker.io\n")]
    [InlineData("helm", "global:\n  registry_quay: \"c.example:8443/mill/quay\"\n")]
    public void Every_format_begins_so(string format, string beginning)
    {
        var run = Run("--registry", "c.example:8443/mill", "--format", format);
        Assert.StartsWith(beginning, run.Output, StringComparison.Ordinal);
        Assert.EndsWith("\n", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--registry", "cache")]
    [InlineData("--registry", "https://c.example")]
    [InlineData("--tiers", "quai")]
    [InlineData("--tiers", "")]
    [InlineData("--enabled", "true")]
    public void What_cannot_be_is_refused_with_what_to_write(string option, string value)
    {
        var run = Run(option, value);
        Assert.Equal(2, run.ExitCode);
        Assert.Empty(run.Output);
        Assert.Contains("rite", run.Error, StringComparison.Ordinal);
    }

    private static CommandRun Run(params string[] arguments) => CommandRun.Of(LocalsCommand.Create(), arguments);
}
