using System.Text.Json.Nodes;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Lifecycle;

/// <summary>What a policy would do, asked for as the AWS CLI does.</summary>
public sealed class PreviewTests
{
    private static readonly string Policy = LifecycleWorld.PolicyOf(
        """
        "selection":{"tagStatus":"tagged","tagPrefixList":["old"],"countType":"sinceImagePushed","countUnit":"days","countNumber":5},"action":{"type":"transition","targetStorageClass":"archive"}
        """,
        """
        "selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":2},"action":{"type":"expire"}
        """);

    [Fact]
    public async Task A_preview_comes_by_pages_filtered_and_summed_up_and_changes_nothing()
    {
        await using var world = await LifecycleWorld.StartAsync();
        var team = world.Pusher("team/app");
        for (var i = 0; i < 9; i++)
        {
            await team.PushAsync(TestImages.OnePlatform(i, layers: 1), i < 3 ? $"old{i}" : i < 6 ? null : $"v{i}");
            world.Time.Advance(TimeSpan.FromDays(1));
        }

        Assert.Equal("LifecyclePolicyNotFoundException", (await world.TryEcrAsync("StartLifecyclePolicyPreview", new { repositoryName = "team/app" })).Type);
        Assert.Equal("LifecyclePolicyPreviewNotFoundException", (await world.TryEcrAsync("GetLifecyclePolicyPreview", new { repositoryName = "team/app" })).Type);
        Assert.Equal("RepositoryNotFoundException", (await world.TryEcrAsync("StartLifecyclePolicyPreview", new { repositoryName = "team/none" })).Type);
        Assert.Equal("InvalidParameterException", (await world.TryEcrAsync("StartLifecyclePolicyPreview", new { repositoryName = "team/app", lifecyclePolicyText = new string(' ', 100) })).Type);
        var started = await world.EcrAsync("StartLifecyclePolicyPreview", new { repositoryName = "team/app", lifecyclePolicyText = Policy });
        Assert.Equal(("IN_PROGRESS", Policy), ((string)started["status"]!, (string)started["lifecyclePolicyText"]!));

        var all = await CompleteAsync(world);
        Assert.Equal(7, all["previewResults"]!.AsArray().Count);
        Assert.Equal(4, (int)all["summary"]!["expiringImageTotalCount"]!);
        Assert.Equal(("ARCHIVE", 3), ((string)all["summary"]!["transitioningImageTotalCounts"]![0]!["targetStorageClass"]!, (int)all["summary"]!["transitioningImageTotalCounts"]![0]!["imageTotalCount"]!));
        var first = all["previewResults"]![0]!;
        Assert.Equal(("old0", "TRANSITION", "ARCHIVE", 1, "STANDARD"), (
            (string)first["imageTags"]![0]!, (string)first["action"]!["type"]!, (string)first["action"]!["targetStorageClass"]!, (int)first["appliedRulePriority"]!, (string)first["storageClass"]!));
        Assert.Equal(("EXPIRE", 2), ((string)all["previewResults"]![3]!["action"]!["type"]!, (int)all["previewResults"]![3]!["appliedRulePriority"]!));

        var found = new List<string>();
        for (string? next = null; ;)
        {
            var page = await world.EcrAsync("GetLifecyclePolicyPreview", next is null ? new { repositoryName = "team/app", maxResults = 3 } : (object)new { repositoryName = "team/app", maxResults = 3, nextToken = next });
            found.AddRange(page["previewResults"]!.AsArray().Select(image => (string)image!["imageDigest"]!));
            next = (string?)page["nextToken"];
            if (next is null)
            {
                break;
            }
        }

        Assert.Equal(all["previewResults"]!.AsArray().Select(image => (string)image!["imageDigest"]!), found);
        Assert.Equal(3, (await GetAsync(new { repositoryName = "team/app", filter = new { tagStatus = "UNTAGGED" } }))["previewResults"]!.AsArray().Count);
        Assert.Single((await GetAsync(new { repositoryName = "team/app", imageIds = new[] { new { imageTag = "old1" }, new { imageTag = "v8" } } }))["previewResults"]!.AsArray());
        Assert.Equal("InvalidParameterException", (await world.TryEcrAsync("GetLifecyclePolicyPreview", new { repositoryName = "team/app", maxResults = 3, imageIds = new[] { new { imageTag = "old1" } } })).Type);
        Assert.Equal("InvalidParameterException", (await world.TryEcrAsync("GetLifecyclePolicyPreview", new { repositoryName = "team/app", nextToken = "1x" })).Type);
        Assert.Equal(9, (await world.ImagesAsync("team/app")).Count);

        world.Time.Advance(TimeSpan.FromHours(2));
        Assert.Equal("EXPIRED", (string)(await GetAsync(new { repositoryName = "team/app" }))["status"]!);

        Task<JsonNode> GetAsync(object input) => world.EcrAsync("GetLifecyclePolicyPreview", input);
    }

    private static async Task<JsonNode> CompleteAsync(LifecycleWorld world)
    {
        JsonNode preview = new JsonObject();
        await Eventually.HoldsAsync(async () => (string)(preview = await world.EcrAsync("GetLifecyclePolicyPreview", new { repositoryName = "team/app" }))["status"]! == "COMPLETE");
        return preview;
    }
}
