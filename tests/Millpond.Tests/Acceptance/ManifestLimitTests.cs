using System.Text;
using Millpond.Images;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Upstream;

namespace Millpond.Tests.Acceptance;

/// <summary>Manifests alone do not fill a disk.</summary>
[Trait("Category", "Heavy")]
public sealed class ManifestLimitTests
{
    private const long Megabyte = 1024 * 1024;

    [Fact]
    public async Task Sixty_manifests_of_4_MB_stay_within_a_limit_of_10_MiB()
    {
        var contents = Enumerable.Range(0, 60).Select(i => Encoding.UTF8.GetBytes(
            $$"""{"schemaVersion":2,"mediaType":"{{TestImages.OciManifest}}","layers":[],"annotations":{"n":"{{i}}{{new string('x', 4_000_000)}}"} }""")).ToArray();
        await using var registry = await TestServer.StartAsync(context =>
        {
            var tag = context.Request.Path.Value!.Split('/')[^1];
            context.Response.ContentType = TestImages.OciManifest;
            return int.TryParse(tag, out var i) ? context.Response.Body.WriteAsync(contents[i]).AsTask() : Task.CompletedTask;
        });
        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", registry.Url)],
            new() { Configure = all => all with { Storage = all.Storage with { Limit = new(10 * Megabyte, 0), Headroom = new(0, 0) } } });
        for (var i = 0; i < contents.Length; i++)
        {
            using var answer = await host.ManifestAsync("up/team/app", $"{i}");
            Assert.Equal(Digest.Sha256(contents[i]), Digest.Sha256(await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)));
        }

        // The file does not shrink below what it once needed, and its log is folded into it at 16 MB.
        var files = new DirectoryInfo(host.DataFolder).EnumerateFiles("*", SearchOption.AllDirectories).ToArray();
        Assert.InRange(files.Sum(file => file.Length), 1, 64 * Megabyte);
    }
}
