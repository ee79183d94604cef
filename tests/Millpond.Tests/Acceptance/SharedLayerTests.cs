using Millpond.Tests.Conformance;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Acceptance;

/// <summary>Many who push images that share layers, at once.</summary>
public sealed class SharedLayerTests
{
    private const int Pushers = 16;
    private const int ImagesEach = 3;

    [Fact]
    public async Task Sixteen_pushers_of_images_that_share_layers_store_each_layer_once_and_miss_nothing()
    {
        await using var millpond = await MillpondHost.StartAsync([]);
        var registry = new RegistryUnderTest(millpond.Client, millpond.Address);
        TestBlob[] shared = [.. Enumerable.Range(0, 6).Select(number => TestBlob.Generated(600 + number, 150_000 + number))];
        var pushed = (await Task.WhenAll(Enumerable.Range(0, Pushers).Select(number => PushAsync(registry, shared, number)))).SelectMany(images => images).ToList();

        foreach (var (repository, tag, image) in pushed)
        {
            await millpond.PullAsync(repository, image, tag);
            await millpond.PullAsync(repository, image);
        }

        var expected = pushed.SelectMany(push => push.Image.Blobs).Select(blob => blob.Digest).Distinct().Select(digest => digest.Hex).Order(StringComparer.Ordinal);
        var files = Directory.EnumerateFiles(Path.Join(millpond.DataFolder, "store"), "*", SearchOption.AllDirectories).Select(file => Path.GetFileName(file)![^64..]);
        Assert.Equal(expected, files.Order(StringComparer.Ordinal));
    }

    /// <summary>The same bytes are pushed, mounted and deleted in other repositories all the while.</summary>
    [Fact]
    public async Task What_one_repository_holds_stays_whole_while_others_push_mount_and_delete_the_same()
    {
        await using var millpond = await MillpondHost.StartAsync([]);
        var registry = new RegistryUnderTest(millpond.Client, millpond.Address);
        var image = TestImages.WithLayers(TestBlob.Generated(700, 90_000), TestBlob.Generated(701, 1_000));
        await PushAsync(registry, "kept/app", image, from: null);
        using var ending = new CancellationTokenSource();
        var pulls = Enumerable.Range(0, 2).Select(async _ =>
        {
            while (!ending.IsCancellationRequested)
            {
                await millpond.PullAsync("kept/app", image, "1");
            }
        }).ToList();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async number =>
        {
            for (var round = 0; round < 6; round++)
            {
                var repository = $"passing/app-{number}";
                await PushAsync(registry, repository, image, from: (number + round) % 2 == 0 ? "kept/app" : null);
                await millpond.PullAsync(repository, image, "1");
                (await registry.DeleteAsync($"/v2/{repository}/manifests/{image.Digest}")).Expect(202);
                foreach (var blob in image.Blobs)
                {
                    (await registry.DeleteAsync($"/v2/{repository}/blobs/{blob.Digest}")).Expect(202);
                    (await registry.BlobAsync(repository, blob.Digest)).Expect(404);
                }
            }
        }));
        await ending.CancelAsync();
        await Task.WhenAll(pulls);

        // Where nobody else holds it, what was deleted and pushed again at once is whole too.
        (await registry.DeleteAsync($"/v2/kept/app/manifests/{image.Digest}")).Expect(202);
        for (var round = 0; round < 10; round++)
        {
            await Task.WhenAll(image.Blobs.Select(blob => registry.DeleteAsync($"/v2/kept/app/blobs/{blob.Digest}")).Append(registry.BlobAsync("kept/app", image.Layer.Digest)));
            await PushAsync(registry, "kept/app", image, from: null);
            await millpond.PullAsync("kept/app", image, "1");
            (await registry.DeleteAsync($"/v2/kept/app/manifests/{image.Digest}")).Expect(202);
        }
    }

    private static async Task PushAsync(RegistryUnderTest registry, string repository, TestImage image, string? from)
    {
        foreach (var blob in image.Blobs)
        {
            if (from is null || !(await registry.PostAsync($"/v2/{repository}/blobs/uploads/?mount={blob.Digest}&from={from}")).Expect(201).Is(201))
            {
                await registry.PushAsync(repository, blob.ToArray(), blob.Digest);
            }
        }

        (await registry.PutManifestAsync(repository, "1", image.Manifest.MediaType, image.Manifest.Content)).Expect(201);
    }

    /// <summary>Half of them into the same repositories.</summary>
    private static async Task<List<(string Repository, string Tag, TestImage Image)>> PushAsync(RegistryUnderTest registry, TestBlob[] shared, int number)
    {
        List<(string Repository, string Tag, TestImage Image)> pushed = [];
        for (var count = 0; count < ImagesEach; count++)
        {
            var image = TestImages.WithLayers([.. shared, TestBlob.Generated((number * 10) + count, 5_000)]);
            var (repository, tag) = ($"team/app-{number / 2}", $"t{number}-{count}");
            foreach (var (blob, place) in image.Blobs.Select((blob, place) => (blob, place)))
            {
                var way = PushWays.All[(number + count + place) % PushWays.All.Count];
                (await registry.PushAsync(repository, way, blob.ToArray(), blob.Digest)).Expect(201);
            }

            (await registry.PutManifestAsync(repository, tag, image.Manifest.MediaType, image.Manifest.Content)).Expect(201);
            pushed.Add((repository, tag, image));
        }

        return pushed;
    }
}
