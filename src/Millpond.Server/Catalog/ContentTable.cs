using System.Collections.Immutable;
using System.Data.Common;
using Millpond.Images;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog;

/// <summary>
/// What clients put into repositories and take out of them. Every write is durable when its task ends, and decides in its own transaction
/// whether it may be: of a push and a delete of the same content one comes first.
/// </summary>
public sealed class ContentTable
{
    private readonly ReadPool reads;
    private readonly CatalogWriter writer;
    private readonly Action<long> recorded;
    private readonly Action<OriginRepository, Digest, IReadOnlyList<string>> arrived;

    /// <param name="recorded">Told what manifests and lists take, after each write that changes it.</param>
    /// <param name="arrived">Told of each manifest that came, with its tags.</param>
    internal ContentTable(ReadPool reads, CatalogWriter writer, Action<long> recorded, Action<OriginRepository, Digest, IReadOnlyList<string>> arrived)
    {
        this.arrived = arrived;
        this.reads = reads;
        this.writer = writer;
        this.recorded = recorded;
    }

    /// <summary>Told of each change after its commit and before whoever made it.</summary>
    public Action<ContentChange>? Changed { get; set; }

    /// <summary>Whether there is a repository of this origin.</summary>
    public ValueTask<bool> HasRepositoryAsync(RepositoryName name, Origin origin) => reads.ReadAsync(connection => connection.FindAsync(
        "SELECT 1 FROM repositories WHERE name = @k0 AND origin = @k1", _ => true, name.ToString(), origin.Id));

    /// <summary>As what a digest belongs to a repository.</summary>
    public ValueTask<LinkKinds> FindKindsAsync(OriginRepository at, Digest digest) => reads.ReadAsync(connection => connection.FindAsync(
        "SELECT kinds FROM links WHERE digest = @k0 AND repository = @k1 AND origin = @k2",
        row => (LinkKinds)row.GetInt64(0), digest.ToString(), at.Name.ToString(), at.Origin.Id));

    /// <summary>Repositories that have the digest as a blob, some of them.</summary>
    public ValueTask<IReadOnlyList<BlobHome>> ListHomesAsync(Digest digest, int limit) => reads.ReadAsync(connection => connection.ListAsync(
        static row => new BlobHome(RepositoryName.Parse(row.GetString(0)), new Origin(row.GetInt64(1))),
        "SELECT repository, origin FROM links WHERE digest = @digest AND (kinds & 1) <> 0 ORDER BY origin, repository LIMIT @limit",
        new { digest = digest.ToString(), limit }));

    /// <summary>Whether what was pushed somewhere needs these bytes.</summary>
    public ValueTask<bool> IsPushedAsync(Digest digest) => reads.ReadAsync(connection => connection.FindAsync(
        "SELECT 1 FROM links WHERE digest = @k0 AND origin = 0 LIMIT 1", _ => true, digest.ToString()));

    /// <summary>Whether any repository has the digest.</summary>
    public ValueTask<bool> IsLinkedAnywhereAsync(Digest digest) => reads.ReadAsync(connection => connection.FindAsync(
        "SELECT 1 FROM links WHERE digest = @k0 LIMIT 1", _ => true, digest.ToString()));

    /// <summary>A blob's bytes are in the store, and belong to the repository.</summary>
    public Task PutBlobAsync(OriginRepository at, Digest digest, long size, DateTimeOffset now) => WriteAsync(at, connection =>
    {
        writer.Repositories.Put(connection, at);
        CatalogWrites.PutBlob(connection, digest, size, now);
        ContentWrites.PutLink(connection, at, digest, LinkKinds.Blob, now);
        return new Written();
    });

    /// <summary>A blob that another repository has belongs to this one too; false where its bytes are not listed any more.</summary>
    public async Task<bool> MountAsync(OriginRepository at, Digest digest, long size, DateTimeOffset now)
    {
        var isHere = false;
        await WriteAsync(at, connection =>
        {
            isHere = ContentWrites.IsStored(connection, digest, size);
            if (isHere)
            {
                writer.Repositories.Put(connection, at);
                ContentWrites.PutLink(connection, at, digest, LinkKinds.Blob, now);
            }

            return new Written();
        });
        return isHere;
    }

    /// <summary>The manifest with its tags, in one transaction; nothing of it where children are missing.</summary>
    /// <param name="fixedTags">Those of the tags that may not mean something else once they are there.</param>
    /// <param name="demandsManifests">Whether an index is refused of which manifests are missing.</param>
    public async Task<PutManifestResult> PutManifestAsync(
        OriginRepository at, ManifestRow manifest, ManifestDocument document, IReadOnlyList<string> tags, bool demandsManifests, DateTimeOffset now,
        IReadOnlyList<string>? fixedTags = null)
    {
        var result = new PutManifestResult([], manifest.MediaType);
        await WriteAsync(at, connection =>
        {
            var demanded = document.LinkedChildren.Select(child => child.Digest).ToHashSet();
            var missing = ContentWrites.Missing(connection, at, document.Blobs.Select(child => child.Digest).Where(demanded.Contains).Distinct(), LinkKinds.Blob);
            if (demandsManifests)
            {
                missing.AddRange(ContentWrites.Missing(connection, at, document.Manifests.Select(child => child.Digest).Where(demanded.Contains).Distinct(), LinkKinds.Manifest));
            }

            if (missing.Count > 0)
            {
                result = new PutManifestResult(missing, manifest.MediaType);
                return new Written();
            }

            if (fixedTags?.FirstOrDefault(tag => ContentWrites.IsHeld(connection, at, tag, manifest.Digest)) is { } held)
            {
                result = new PutManifestResult([], manifest.MediaType, held);
                return new Written();
            }

            writer.Repositories.Put(connection, at);
            CatalogWrites.PutManifest(connection, manifest, document, now);
            ContentWrites.PutLink(connection, at, manifest.Digest, LinkKinds.Manifest, now);
            foreach (var tag in tags)
            {
                CatalogWrites.PutTag(connection, at, tag, manifest.Digest, now);
            }

            result = new PutManifestResult([], ContentWrites.MediaTypeOf(connection, manifest.Digest));
            return new Written(tags) { Arrived = manifest.Digest };
        });
        return result;
    }

    /// <summary>The tag alone: what it means stays.</summary>
    public async Task<bool> DeleteTagAsync(OriginRepository at, string tag)
    {
        var wasThere = false;
        await WriteAsync(at, connection =>
        {
            wasThere = ContentWrites.DeleteTag(connection, at, tag);
            return new Written(wasThere ? [tag] : []);
        });
        return wasThere;
    }

    /// <summary>The manifest with all tags of the repository that mean it.</summary>
    /// <param name="evenIfNeeded">Whether an index of the repository that names it keeps it from that.</param>
    public Task<DeletionResult> DeleteManifestAsync(OriginRepository at, Digest digest, bool evenIfNeeded) =>
        DeleteAsync(at, digest, LinkKinds.Manifest, evenIfNeeded, connection =>
        {
            var tags = ContentWrites.DeleteTagsOf(connection, at, digest);
            return new Written(tags) { Unlinked = [digest], Gone = ContentWrites.RemoveLooseManifest(connection, digest) ? [digest] : [] };
        });

    /// <summary>The blob; its bytes may go too where no other repository has it.</summary>
    /// <param name="evenIfNeeded">Whether a manifest of the repository that names it keeps it from that.</param>
    public Task<DeletionResult> DeleteBlobAsync(OriginRepository at, Digest digest, bool evenIfNeeded) =>
        DeleteAsync(at, digest, LinkKinds.Blob, evenIfNeeded, connection =>
            new Written { Unlinked = [digest], Loose = ContentWrites.IsLoose(connection, digest, writer.Now) ? [digest] : [] });

    /// <summary>Makes an empty repository with what is set on it; false where there is one, of which nothing is changed.</summary>
    /// <param name="settings">What is kept under its name, by kind.</param>
    public async Task<bool> MakeRepositoryAsync(OriginRepository at, DateTimeOffset now, IReadOnlyDictionary<string, string> settings)
    {
        var isMade = false;
        await WriteAsync(at, connection =>
        {
            isMade = ContentWrites.PutRepository(connection, at, now) > 0;
            foreach (var (kind, value) in isMade ? settings : ImmutableDictionary<string, string>.Empty)
            {
                SettingTable.Put(connection, kind, at.Name.ToString(), value, now);
            }

            return new Written();
        });
        return isMade;
    }

    /// <summary>Takes some of what a repository has out of it; whether more is left. The last call takes the repository itself away.</summary>
    /// <param name="settings">The kinds of what is kept under its name, which goes with it.</param>
    public async Task<bool> TakeApartAsync(OriginRepository at, int most, IReadOnlyList<string> settings)
    {
        var isMore = false;
        await WriteAsync(at, connection =>
        {
            var digests = ContentWrites.SomeOf(connection, at, most);
            isMore = digests.Count == most;
            List<string> tags = [.. digests.SelectMany(digest => ContentWrites.DeleteTagsOf(connection, at, digest))];
            ContentWrites.RemoveLinks(connection, at, digests);
            if (!isMore)
            {
                // After the tags were listed: memory must be told of each.
                ContentWrites.RemoveRepository(connection, at);
                foreach (var kind in settings)
                {
                    SettingTable.Delete(connection, kind, at.Name.ToString());
                }
            }

            return new Written(tags)
            {
                Unlinked = digests,
                Gone = [.. digests.Where(digest => ContentWrites.RemoveLooseManifest(connection, digest))],
                Loose = [.. digests.Where(digest => ContentWrites.IsLoose(connection, digest, writer.Now))],
                IsRepositoryGone = !isMore,
            };
        });
        return isMore;
    }

    /// <summary>Takes the digest out of the repository as this kind, unless a manifest there needs it.</summary>
    private async Task<DeletionResult> DeleteAsync(OriginRepository at, Digest digest, LinkKinds kind, bool evenIfNeeded, Func<DbConnection, Written> follow)
    {
        var result = new DeletionResult(Deletion.Absent);
        await WriteAsync(at, connection =>
        {
            result = !evenIfNeeded && ContentWrites.FindNeeding(connection, at, digest) is { IsEmpty: false } parent ? new(Deletion.Needed, parent)
                : new(ContentWrites.Unlink(connection, at, digest, kind) ? Deletion.Done : Deletion.Absent);
            return result.Outcome == Deletion.Done ? follow(connection) : new Written();
        });
        return result;
    }

    /// <summary>Writes, durably, and tells memory what has changed.</summary>
    internal Task WriteAsync(OriginRepository at, Func<DbConnection, Written> write)
    {
        var written = new Written();
        var now = 0L;
        return writer.WriteAsync(
            connection =>
            {
                written = write(connection);
                now = CatalogWrites.RecordedBytes(connection);
            },
            durable: true,
            committed: () =>
            {
                recorded(now);
                if (written.Arrived is { IsEmpty: false } digest)
                {
                    arrived(at, digest, written.Tags);
                }

                Changed?.Invoke(new ContentChange(at, written.Tags, written.Unlinked, written.Gone, written.Loose) { IsRepositoryGone = written.IsRepositoryGone });
            });
    }

    /// <summary>What memory must be told of a write.</summary>
    internal sealed record Written(IReadOnlyList<string> Tags)
    {
        public Written()
            : this([])
        {
        }

        public IReadOnlyList<Digest> Unlinked { get; init; } = [];

        public IReadOnlyList<Digest> Gone { get; init; } = [];

        public IReadOnlyList<Digest> Loose { get; init; } = [];

        public bool IsRepositoryGone { get; init; }

        /// <summary>A manifest that came; an empty digest where none did.</summary>
        public Digest Arrived { get; init; }
    }
}
