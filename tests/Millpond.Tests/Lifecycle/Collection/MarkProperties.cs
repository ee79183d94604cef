using Microsoft.Extensions.Logging.Abstractions;
using Millpond.Images;
using Millpond.Server.Cache.Eviction;
using Millpond.Server.Catalog;
using Millpond.Server.Lifecycle.Collection;
using Millpond.Server.Lifecycle.Pins;
using Millpond.Server.Telemetry;
using Millpond.Tests.Cache;
using Millpond.Tests.Catalog;
using Millpond.Tests.Fixtures;
using static Millpond.Tests.Catalog.TemporaryCatalog;

namespace Millpond.Tests.Lifecycle.Collection;

/// <summary>Small catalogs made at random: what passes leave is what a simple reading of the rules says stays.</summary>
public sealed class MarkProperties
{
    private static readonly OriginRepository[] Places =
    [
        CatalogReads.At(Repository("quay/a")), CatalogReads.At(Repository("quay/b")), new(Repository("quay/a"), Origin.Of(new Uri("https://other.example"), null, null), "quay"),
        OriginRepository.Own(Repository("team/a")), OriginRepository.Own(Repository("team/b")),
    ];

    private static readonly string[] Blobs = ["b0", "b1", "b2", "b3", "b4", "b5"];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Passes_leave_what_a_simple_reading_leaves(int seed)
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
        await using var parts = new CacheParts(upstream, time);
        var world = await World.MakeAsync(parts.Catalog, time, new Random(seed));
        using var metrics = new MillpondMetrics();
        var pins = new PinBook(parts.Catalog, time, NullLogger<PinBook>.Instance);
        if (world.Pin is { } pin)
        {
            Assert.Equal(PinOutcome.Kept, await pins.AddAsync(pin, CancellationToken.None));
        }

        var collector = new Collector(parts.Catalog, parts.Store, new BlobBooks(parts.Store, parts.Known, NullLogger<BlobBooks>.Instance), pins, TimeSpan.FromHours(1), time, metrics, NullLogger<Collector>.Instance);
        for (var pass = 0; pass < 12; pass++)
        {
            await collector.PassAsync(CancellationToken.None);
            await parts.Catalog.Collection.Garbage.UnmarkAsync([]);
            time.AdjustTime(time.GetUtcNow() + TimeSpan.FromHours(1));
        }

        var (links, manifests, blobs) = world.Expected();
        Assert.Equal(links.Order(), (await LinksAsync(parts.Catalog)).Order());
        Assert.Equal(manifests.Order(), world.Manifests.Keys.Where(name => parts.Catalog.FindManifest(world.Manifests[name].Row.Digest) is not null).Order());
        Assert.Equal(blobs.Order(), Blobs.Where(name => parts.Catalog.FindBlob(DigestOf(name)) is not null).Order());

        async Task<IEnumerable<string>> LinksAsync(CatalogDatabase catalog)
        {
            var found = new List<string>();
            foreach (var (place, number) in Places.Select((place, number) => (place, number)))
            {
                foreach (var (name, digest) in world.Names)
                {
                    if ((await catalog.Contents.FindKindsAsync(place, digest)) != LinkKinds.None)
                    {
                        found.Add($"{number} {name}");
                    }
                }
            }

            return found;
        }
    }

    public static TheoryData<int> Seeds() => [.. Enumerable.Range(0, 60)];

    private sealed class World
    {
        private readonly HashSet<(int Place, string Name)> links = [];
        private readonly HashSet<(int Place, string Name)> tagged = [];
        private readonly HashSet<string> idle = [];
        private readonly HashSet<string> stored = [];
        private readonly HashSet<(int Place, string Name)> fresh = [];

        public Dictionary<string, (ManifestRow Row, ManifestDocument Document, string[] Children, string? Subject)> Manifests { get; } = [];

        public string? Pin { get; private set; }

        public IEnumerable<(string Name, Digest Digest)> Names => Blobs.Select(name => (name, DigestOf(name))).Concat(Manifests.Select(pair => (pair.Key, pair.Value.Row.Digest)));

        public static async Task<World> MakeAsync(CatalogDatabase catalog, Microsoft.Extensions.Time.Testing.FakeTimeProvider time, Random random)
        {
            var world = new World();
            foreach (var name in Blobs.Where(_ => random.Next(5) > 0))
            {
                // Stored and, here, known to nobody: it was found in the store a moment ago.
                await catalog.PutBlobAsync(DigestOf(name), name.Length, null, time.GetUtcNow());
                world.stored.Add(name);
            }

            for (var i = 0; i < 6; i++)
            {
                world.Define($"m{i}", random, i);
            }

            // Those that nobody has pulled for long come first; manifests of which a younger one is a parent would be pulled by it.
            foreach (var isOld in (bool[])[true, false])
            {
                foreach (var name in world.Manifests.Keys.ToList())
                {
                    await world.PlaceAsync(catalog, name, isOld, time.GetUtcNow(), random);
                }

                if (isOld)
                {
                    time.AdjustTime(time.GetUtcNow() + TimeSpan.FromDays(60));
                    foreach (var name in world.stored)
                    {
                        await catalog.PutBlobAsync(DigestOf(name), name.Length, null, time.GetUtcNow());
                    }
                }
            }

            foreach (var name in Blobs)
            {
                for (var place = 0; place < Places.Length; place++)
                {
                    if (random.Next(4) == 0)
                    {
                        await world.LinkBlobAsync(catalog, place, name, time.GetUtcNow());
                    }
                }
            }

            world.Pin = random.Next(3) == 0 ? "quay/a" : null;
            return world;
        }

        public (List<string> Links, List<string> Manifests, List<string> Blobs) Expected()
        {
            var left = links.ToHashSet();
            while (true)
            {
                var gone = left.Where(link => Manifests.ContainsKey(link.Name) ? !Keeps(left, link) : !IsNamed(left, link) && !fresh.Contains(link)).ToList();
                if (gone.Count == 0)
                {
                    break;
                }

                left.ExceptWith(gone);
            }

            var manifests = Manifests.Keys.Where(name => left.Any(link => link.Name == name)).ToList();

            // Bytes that nobody ever had stay for a month, others go with their last link, unless a manifest that is here still names them.
            var blobs = stored.Where(name => left.Any(link => link.Name == name) || manifests.Exists(one => Manifests[one].Children.Contains(name)) || !links.Any(link => link.Name == name)).ToList();
            return ([.. left.Select(link => $"{link.Place} {link.Name}")], manifests, blobs);
        }

        private bool Keeps(HashSet<(int Place, string Name)> left, (int Place, string Name) link) =>
            Places[link.Place].Origin == Origin.None || tagged.Contains(link) || !idle.Contains(link.Name) || IsNamed(left, link) || IsPinned(left, link.Name)
            || (Manifests[link.Name].Subject is { } subject && left.Contains((link.Place, subject)));

        private bool IsNamed(HashSet<(int Place, string Name)> left, (int Place, string Name) link) =>
            left.Any(other => other.Place == link.Place && Manifests.TryGetValue(other.Name, out var manifest) && manifest.Children.Contains(link.Name));

        /// <summary>A pin of a repository keeps its manifests, and what they name wherever that belongs.</summary>
        private bool IsPinned(HashSet<(int Place, string Name)> left, string name) => Pin is not null
            && (left.Any(link => link.Name == name && link.Place is 0 or 2 && link.Name == name)
                || Manifests.Any(one => one.Value.Children.Contains(name) && IsPinned(left, one.Key)));

        private void Define(string name, Random random, int number)
        {
            var earlier = Manifests.Keys.ToList();
            var isIndex = number > 2 && random.Next(2) == 0;
            string[] children = isIndex
                ? [.. earlier.Where(_ => random.Next(2) == 0)]
                : [.. Blobs.Where(_ => random.Next(3) == 0)];
            var subject = earlier.Count > 0 && random.Next(4) == 0 ? earlier[random.Next(earlier.Count)] : null;
            var type = isIndex ? ManifestDocument.OciIndex : ManifestDocument.OciManifest;
            var listed = string.Join(',', children.Select(child => isIndex
                ? $$"""{"mediaType":"{{Manifests[child].Row.MediaType}}","digest":"{{Manifests[child].Row.Digest}}","size":1}"""
                : $$"""{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{{DigestOf(child)}}","size":{{child.Length}}}"""));
            var about = subject is null ? "" : $$""","subject":{"mediaType":"{{Manifests[subject].Row.MediaType}}","digest":"{{Manifests[subject].Row.Digest}}","size":1}""";
            var content = System.Text.Encoding.UTF8.GetBytes(
                $$"""{"schemaVersion":2,"mediaType":"{{type}}","annotations":{"name":"{{name}}"},"{{(isIndex ? "manifests" : "layers")}}":[{{listed}}]{{about}}}""");
            Manifests[name] = (new(Digest.Sha256(content), type, content), ManifestDocument.TryParse(content, type)!, children, subject);
        }

        private async Task PlaceAsync(CatalogDatabase catalog, string name, bool isOld, DateTimeOffset now, Random random)
        {
            var (row, document, _, _) = Manifests[name];
            for (var place = 0; place < Places.Length; place++)
            {
                // In the second round some of the first come again, and are young by it.
                if (random.Next(isOld ? 3 : 7) > 0)
                {
                    continue;
                }

                var tag = random.Next(3) == 0 ? $"t{name}" : null;
                await catalog.PutManifestAsync(Places[place], row, document, tag, now);
                links.Add((place, name));
                if (tag is not null)
                {
                    tagged.Add((place, name));
                }

                if (isOld)
                {
                    idle.Add(name);
                }
                else
                {
                    idle.Remove(name);
                }
            }
        }

        private async Task LinkBlobAsync(CatalogDatabase catalog, int place, string name, DateTimeOffset now)
        {
            if (Places[place].Origin == Origin.None)
            {
                await catalog.Contents.PutBlobAsync(Places[place], DigestOf(name), name.Length, now);
                stored.Add(name);
                fresh.Add((place, name));
            }
            else
            {
                await catalog.LinkAsync(Places[place], DigestOf(name));
            }

            links.Add((place, name));
        }
    }
}
