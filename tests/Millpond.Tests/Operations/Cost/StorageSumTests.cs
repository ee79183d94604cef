using Microsoft.Extensions.Logging.Abstractions;
using Millpond.Images;
using Millpond.Server.Access;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Ecr.CacheRules;
using Millpond.Server.Operations.Cost;
using Millpond.Server.Rules;
using Millpond.Tests.Catalog;

namespace Millpond.Tests.Operations.Cost;

/// <summary>Whose the stored bytes are.</summary>
public sealed class StorageSumTests
{
    private static readonly PullThroughRule Quay = new() { Prefix = "quay", UpstreamName = "quay.io", Upstream = new("https://quay.io"), Tier = Tier.Default };
    private static readonly PullThroughRule Hub = new() { Prefix = "docker-hub", UpstreamName = "docker.io", Upstream = new("https://registry-1.docker.io"), Tier = Tier.OptIn };

    [Fact]
    public async Task A_layer_that_is_shared_counts_once_here_and_once_for_each_repository_on_ECR()
    {
        await using var catalog = new TemporaryCatalog();
        await PutAsync(catalog, "quay/a", "quay", "a", ("base", 1000), ("a", 10));
        await PutAsync(catalog, "quay/b", "quay", "b", ("base", 1000), ("b", 20));
        await PutAsync(catalog, "docker-hub/c", "docker-hub", "c", ("base", 1000));
        var manifests = catalog.Database.TotalBlobBytes();
        var (prefixes, bytes, projected) = await AddUpAsync(catalog);
        var (quay, hub) = (prefixes.Single(use => use.Prefix == "quay"), prefixes.Single(use => use.Prefix == "docker-hub"));
        Assert.Equal(1030, manifests);
        Assert.Equal((2, 2, "quay.io", "default"), (quay.Images, quay.Versions, quay.Upstream, quay.Tier));
        Assert.Equal((1, 1, "docker.io", "opt-in"), (hub.Images, hub.Versions, hub.Upstream, hub.Tier));
        Assert.Equal(1000, quay.EcrBytes - quay.Bytes);
        Assert.Equal(hub.EcrBytes, hub.Bytes);
        Assert.Equal(1000, quay.Bytes + hub.Bytes - bytes);
        Assert.Equal(bytes, projected);
    }

    [Fact]
    public async Task What_was_pushed_and_what_no_rule_is_for_any_more_stand_by_themselves()
    {
        await using var catalog = new TemporaryCatalog();
        await PutAsync(catalog, "team/app", null, "app", ("layer", 7));
        await PutAsync(catalog, "old/app", "old", "old", ("another", 9));
        var (prefixes, _, _) = await AddUpAsync(catalog);
        Assert.Equal([("old", "former", (string?)null), ("pushed", "pushed", null)], prefixes.Select(use => (use.Prefix, use.Tier, use.Upstream)));
        Assert.All(prefixes, use => Assert.Equal((1, 1), (use.Images, use.Versions)));
    }

    [Fact]
    public async Task Bytes_that_were_evicted_count_no_more_and_children_are_no_versions()
    {
        await using var catalog = new TemporaryCatalog();
        await PutAsync(catalog, "quay/a", "quay", "a", ("layer", 1000));
        var (child, _) = TemporaryCatalog.Image("a", "layer");
        var index = System.Text.Encoding.UTF8.GetBytes(
            $$"""{"schemaVersion":2,"mediaType":"{{ManifestDocument.OciIndex}}","manifests":[{"mediaType":"{{ManifestDocument.OciManifest}}","digest":"{{child.Digest}}","size":{{child.Content.Length}}}]}""");
        await catalog.Database.PutManifestAsync(
            TemporaryCatalog.Repository("quay/a"), "quay", new(Digest.Sha256(index), ManifestDocument.OciIndex, index), ManifestDocument.TryParse(index, ManifestDocument.OciIndex), "v1", TagOrigin.Pulled, catalog.Now);
        var before = Assert.Single((await AddUpAsync(catalog)).Prefixes);
        Assert.Equal((1, 1), (before.Images, before.Versions));
        await catalog.Database.RemoveBlobAsync(TemporaryCatalog.DigestOf("layer"));
        var after = Assert.Single((await AddUpAsync(catalog)).Prefixes);
        Assert.Equal(1000, before.Bytes - after.Bytes);
    }

    /// <summary>docs/cost.md tells this one: 60 images in two to three versions, of which a month's worth is 15 GB.</summary>
    [Fact]
    public async Task The_example_of_the_documentation_comes_out()
    {
        await using var catalog = new TemporaryCatalog();
        var policy = CreationTemplate.Parse(CreationTemplate.BuiltIn).ToSettings()[RepositorySettings.LifecycleKind];
        for (var image = 0; image < 60; image++)
        {
            var name = $"quay/team/app{image}";
            for (var version = 0; version < 2 + image % 2; version++)
            {
                await PutAsync(catalog, name, "quay", $"{image}.{version}", catalog.Now.AddDays(-(image * 10 + version * 97) % 295 / 10.0), ($"{image}.{version}", 100_000_000));
            }

            await catalog.Database.Control.Settings.PutAsync(RepositorySettings.LifecycleKind, name, policy, catalog.Now);
        }

        var (prefixes, bytes, projected) = await AddUpAsync(catalog);
        var use = Assert.Single(prefixes);
        Assert.Equal((60, 150, 30.0), (use.Images, use.Versions, use.KeptDays));
        Assert.InRange(bytes, 15_000_000_000, 15_001_000_000);
        Assert.InRange(projected, bytes, bytes * 1.05);

        var prices = new CostConfiguration();
        Assert.Equal(1.50m, Math.Round(CostBill.OnEcr(prices, use.EcrBytes, sent: 500_000_000_000, secrets: 0, calls: 0).Total, 2));
        Assert.Equal(0.40m, CostBill.OnEcr(prices, 0, 0, secrets: 1, calls: 0).Total);
        Assert.Equal(2.70m, Math.Round(CostBill.OnEcr(prices, use.EcrBytes, sent: 500_000_000_000, secrets: 3, calls: 100).Total, 2));
        Assert.Equal(1.20m, Math.Round(CostBill.Here(prices, bytes, sent: 500_000_000_000, secretsOfAws: 0).Total, 2));
        Assert.Equal(46.50m, Math.Round(CostBill.OnEcr(prices with { Clients = ClientPlace.Internet }, use.EcrBytes, sent: 500_000_000_000, secrets: 0, calls: 0).Total, 2));
    }

    [Fact]
    public async Task Who_asks_again_soon_is_given_the_same_and_later_another()
    {
        await using var catalog = new TemporaryCatalog();
        await using var survey = new StorageSurvey(catalog.Database, new PullThroughRules(new() { Rules = [Quay] }), catalog.Time, NullLogger<StorageSurvey>.Instance);
        var first = await survey.GetAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, first!.Bytes);
        await PutAsync(catalog, "quay/a", "quay", "a", ("layer", 1000));
        await catalog.Database.PutBlobAsync(TemporaryCatalog.DigestOf("loose"), 50, null, null, catalog.Now);
        Assert.Same(first, await survey.GetAsync(TestContext.Current.CancellationToken));
        catalog.Time.Advance(TimeSpan.FromMinutes(2));
        var second = await survey.GetAsync(TestContext.Current.CancellationToken);
        Assert.True(second!.Bytes > 1000);
        Assert.InRange(second.Loose, 50, 500);
        Assert.Equal(("quay", 1L), (Assert.Single(second.Prefixes).Prefix, second.Images));
    }

    [Fact]
    public void Secrets_are_counted_as_ECR_would_need_them()
    {
        var arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:ecr-pullthroughcache/x-abcdef";
        PullThroughRule[] rules =
        [
            Quay, Hub,
            Hub with { Prefix = "ghcr", Credential = new("/run/ghcr.json", null, null) },
            Hub with { Prefix = "gitlab", Credential = new(null, null, null, AwsSecretArn: arn) },
            Hub with { Prefix = "gitlab2", Credential = new(null, null, null, AwsSecretArn: arn) },
            Hub with { Prefix = "kept", Credential = new(null, null, null, SecretArn: arn) },
        ];
        Assert.Equal(new SecretUse(2, 1, 5), SecretUse.Of(2, rules));
    }

    private static Task<(IReadOnlyList<PrefixUse> Prefixes, long Bytes, long Projected)> AddUpAsync(TemporaryCatalog catalog) =>
        new StorageSum(catalog.Database, [Quay, Hub], catalog.Now).AddUpAsync(TestContext.Current.CancellationToken);

    private static Task PutAsync(TemporaryCatalog catalog, string repository, string? rule, string name, params (string Name, long Size)[] layers) =>
        PutAsync(catalog, repository, rule, name, catalog.Now, layers);

    private static async Task PutAsync(
        TemporaryCatalog catalog, string repository, string? rule, string name, DateTimeOffset at, params (string Name, long Size)[] layers)
    {
        var (row, document) = TemporaryCatalog.Image(name, [.. layers.Select(layer => layer.Name)]);
        var home = TemporaryCatalog.Repository(repository);
        await catalog.Database.PutManifestAsync(home, rule, row, document, name, rule is null ? TagOrigin.Pushed : TagOrigin.Pulled, at);
        foreach (var (layer, size) in layers)
        {
            await catalog.Database.PutBlobAsync(TemporaryCatalog.DigestOf(layer), size, home, rule, at);
        }
    }
}
