using Millpond.Images;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Acceptance;

/// <summary>Two upstreams with images that share layers, and what each repository may ever be answered.</summary>
internal sealed class TortureWorld : IAsyncDisposable
{
    private const int Kilobyte = 1024;
    private const int Images = 12;

    /// <summary>A repository that only the first upstream has: while its prefix stands for the second, nobody may read it.</summary>
    public const string Private = "team/private";

    private readonly TestBlob[] shared = [.. Enumerable.Range(0, 6).Select(i => TestBlob.Generated(seed: 9000 + i, length: (200 + 300 * i) * Kilobyte + i))];

    private TortureWorld(FakeUpstream first, FakeUpstream second)
    {
        First = first;
        Second = second;
        All = [.. Enumerable.Range(0, Images).Select(Image)];
        Secret = TestImages.WithLayers(TestBlob.Generated(seed: 9900, length: 300 * Kilobyte));
    }

    public FakeUpstream First { get; }

    public FakeUpstream Second { get; }

    public IReadOnlyList<TestImage> All { get; }

    public TestImage Secret { get; }

    public static async Task<TortureWorld> StartAsync()
    {
        var world = new TortureWorld(await FakeUpstream.StartAsync(), await FakeUpstream.StartAsync());
        foreach (var (image, number) in world.All.Select((image, number) => (image, number)))
        {
            world.First.Add($"team/app{number % 3}", image, $"v{number}");
            world.Second.Add($"team/app{number % 3}", image, $"v{number}");
        }

        for (var i = 0; i < 3; i++)
        {
            world.MoveTag(i, i);
        }

        world.First.Add(Private, world.Secret, "1");
        return world;
    }

    /// <summary>The repository, without a prefix, that image n stands in.</summary>
    public static string RepositoryOf(int number) => $"team/app{number % 3}";

    /// <summary>Lets a repository's tag <c>moving</c> name another of its images, at both upstreams.</summary>
    public void MoveTag(int repository, int number)
    {
        var digest = All[number - number % 3 + repository].Digest;
        First.Tag($"team/app{repository}", "moving", digest);
        Second.Tag($"team/app{repository}", "moving", digest);
    }

    /// <summary>The digests that a tag of a repository has ever named.</summary>
    public bool MayName(int repository, Digest digest) => All.Where((_, number) => number % 3 == repository).Any(image => image.Digest == digest);

    public async ValueTask DisposeAsync()
    {
        await First.DisposeAsync();
        await Second.DisposeAsync();
    }

    private TestImage Image(int number) => TestImages.WithLayers(
        shared[number % shared.Length], shared[(number * 5 + 1) % shared.Length], TestBlob.Generated(seed: 9100 + number, length: (100 + 450 * (number % 7)) * Kilobyte + number));
}
