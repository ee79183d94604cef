using System.Collections.Immutable;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Collection;

namespace Millpond.Server.Lifecycle.Pins;

/// <summary>What became of a pin that somebody wants.</summary>
public enum PinOutcome
{
    Kept,

    /// <summary>It could match no image.</summary>
    Invalid,

    /// <summary>There are as many as there may be.</summary>
    Full,
}

/// <summary>
/// The pins: applied to what is here when they are made, to what comes as it comes, and looked over by each pass of collection, which finds
/// what slipped through and what they keep no longer.
/// </summary>
public sealed partial class PinBook(CatalogDatabase catalog, TimeProvider time, ILogger<PinBook> log)
{
    /// <summary>Each is compared with each image that comes.</summary>
    public const int Most = 1000;

    /// <summary>Images that came and were not compared yet; more are left to the next pass.</summary>
    private const int MostArrivals = 10_000;

    private const int PageSize = 500;

    private readonly Channel<(RepositoryName Repository, Digest Digest, IReadOnlyList<string> Tags)> arrivals =
        Channel.CreateBounded<(RepositoryName, Digest, IReadOnlyList<string>)>(new BoundedChannelOptions(MostArrivals) { FullMode = BoundedChannelFullMode.DropWrite });

    private volatile Lazy<ImmutableArray<PinPattern>> patterns = new([]);

    /// <summary>Raised when a pass should not wait for its time.</summary>
    public Action? Changed { get; set; }

    private PinTable Pins => catalog.Collection.Pins;

    /// <summary>Reads what is kept.</summary>
    public async Task LoadAsync()
    {
        var read = (await Pins.ListAsync()).Select(row => PinPattern.TryParse(row.Pattern, out var pattern) ? pattern : null).OfType<PinPattern>().ToImmutableArray();
        patterns = new(read);
    }

    public ValueTask<IReadOnlyList<PinRow>> ListAsync() => Pins.ListAsync();

    /// <summary>How many images are pinned now.</summary>
    public ValueTask<long> CountAsync() => Pins.CountAsync(KeptFor.Pin);

    /// <summary>Pins what is here by a tag or the digest before it answers; the untagged images of a whole repository are pinned by the pass that it asks for.</summary>
    public async Task<PinOutcome> AddAsync(string text, CancellationToken cancellationToken)
    {
        if (!PinPattern.TryParse(text, out var pattern))
        {
            return PinOutcome.Invalid;
        }

        if (!await Pins.AddAsync(text, Most, time.GetUtcNow()))
        {
            return PinOutcome.Full;
        }

        await LoadAsync();
        await ApplyAsync(pattern, pace: null, cancellationToken);
        Changed?.Invoke();
        return PinOutcome.Kept;
    }

    /// <summary>Whether there was one. What it alone kept is let go by the next pass.</summary>
    public async Task<bool> RemoveAsync(string text)
    {
        var wasThere = await Pins.RemoveAsync(text);
        await LoadAsync();
        Changed?.Invoke();
        return wasThere;
    }

    /// <summary>A repository got a manifest. Called on the thread that writes, so it only takes note.</summary>
    public void Arrived(OriginRepository at, Digest digest, IReadOnlyList<string> tags)
    {
        if (!patterns.Value.IsEmpty)
        {
            arrivals.Writer.TryWrite((at.Name, digest, tags));
        }
    }

    /// <summary>Pins what comes.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await foreach (var (repository, digest, tags) in arrivals.Reader.ReadAllAsync(cancellationToken))
        {
            var covering = Covering(repository);
            if (covering.Exists(pattern => pattern.Keeps(null, digest.ToString()) || tags.Any(tag => pattern.Keeps(tag, digest.ToString()))))
            {
                try
                {
                    await Pins.KeepAsync(digest.ToString(), KeptFor.Pin);
                }
                catch (Exception failure) when (failure is CatalogUnwrittenException or CatalogUnreadableException)
                {
                    // Said by the writer; the next pass pins it.
                }
            }
        }
    }

    /// <summary>The pins that cover a repository.</summary>
    public List<PinPattern> Covering(RepositoryName repository) => [.. patterns.Value.Where(pattern => pattern.Covers(repository))];

    /// <summary>Pins an image that a pass found under a pin of its whole repository, or of its digest.</summary>
    public Task KeepAsync(string digest) => Pins.KeepAsync(digest, KeptFor.Pin);

    /// <summary>Pins what slipped through, and lets go what no pin names any more.</summary>
    public async Task LookOverAsync(Func<Task> pace, CancellationToken cancellationToken)
    {
        var released = 0;
        for (var after = ""; ;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var page = await Pins.ListKeptAsync(KeptFor.Pin, after, PageSize);
            foreach (var digest in page)
            {
                if (!await IsPinnedAsync(digest))
                {
                    await Pins.ReleaseAsync(digest, KeptFor.Pin);
                    released++;
                }

                await pace();
            }

            if (page.Count < PageSize)
            {
                break;
            }

            after = page[^1];
        }

        if (released > 0)
        {
            Log.Released(log, released);
        }

        foreach (var pattern in patterns.Value)
        {
            await ApplyAsync(pattern, pace, cancellationToken);
        }
    }

    private async Task<bool> IsPinnedAsync(string digest) => (await Pins.NamesOfAsync(digest))
        .Any(name => Covering(RepositoryName.Parse(name.Repository)).Exists(pattern => pattern.Keeps(name.Tag, digest)));

    /// <summary>Pins what is here: by its digest, or by the tags of each repository that it covers.</summary>
    private async Task ApplyAsync(PinPattern pattern, Func<Task>? pace, CancellationToken cancellationToken)
    {
        if (pattern.Digest is { } digest)
        {
            if (await IsPinnedAsync(digest.ToString()))
            {
                await Pins.KeepAsync(digest.ToString(), KeptFor.Pin);
            }

            return;
        }

        RepositoryName? last = null;
        for (var after = ""; ;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var page = await catalog.ListRepositoriesAsync(after, PageSize);
            foreach (var repository in page.Select(row => row.Name).Where(name => pattern.Covers(name) && !name.Equals(last)))
            {
                last = repository;
                await ApplyAsync(pattern, repository, pace, cancellationToken);
            }

            if (page.Count < PageSize)
            {
                return;
            }

            after = page[^1].Name.ToString();
        }
    }

    private async Task ApplyAsync(PinPattern pattern, RepositoryName repository, Func<Task>? pace, CancellationToken cancellationToken)
    {
        for (var (tag, origin) = ("", long.MinValue); ;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var page = await Pins.TagsAsync(repository.ToString(), tag, origin, PageSize);
            foreach (var digest in page.Where(row => pattern.Keeps(row.Tag, row.Digest)).Select(row => row.Digest).Distinct())
            {
                if (!(await Pins.FindAsync(Digest.Parse(digest))).HasFlag(KeptFor.Pin) || pace is null)
                {
                    await Pins.KeepAsync(digest, KeptFor.Pin);
                }

                await (pace?.Invoke() ?? Task.CompletedTask);
            }

            if (page.Count < PageSize)
            {
                return;
            }

            (tag, origin) = (page[^1].Tag, page[^1].Origin);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1951, LogLevel.Information, "{Count} images are named by no pin any more, and may be evicted")]
        public static partial void Released(ILogger logger, int count);
    }
}
