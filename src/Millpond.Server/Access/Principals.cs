using System.Security.Cryptography;
using System.Text;
using Millpond.Server.Access.Policies;
using Millpond.Server.Bounded;
using Millpond.Server.Catalog.Control;

namespace Millpond.Server.Access;

/// <summary>Principals and their keys: what the catalog says of them, remembered until something changes.</summary>
public sealed class Principals(ControlTables control, KeyRing ring, string account, TimeProvider time)
{
    /// <summary>Roughly: an entry holds a key and the documents of its principal.</summary>
    private const int MostRemembered = 10_000;

    private GenerationCache<string, KnownKey> known = NewMemory();
    private long version;

    /// <summary>The registry's own account.</summary>
    public string Account => account;

    /// <summary>Changes with everything that anybody may; what was decided under another is to be decided again.</summary>
    public long Version => Volatile.Read(ref version);

    /// <summary>A key that holds now; null for one that never was, has ended or has gone.</summary>
    public async ValueTask<KnownKey?> FindKeyAsync(string id)
    {
        // The memory of before the look: a change meanwhile has put another in its place.
        var memory = Volatile.Read(ref known);
        if (!memory.TryGet(id, out var key))
        {
            if (await control.Access.FindKeyAsync(id) is not { } row || await FindAsync(row.Principal) is not { } principal)
            {
                return null;
            }

            key = new(row.Id, principal, row.Sealed, row.TokenHash, row.ExpiresAt);
            memory.Set(id, key);
        }

        return key;
    }

    /// <summary>A principal by its ARN, the root of the registry's account among them.</summary>
    public async ValueTask<Principal?> FindAsync(string arn)
    {
        if (!PrincipalArn.TryParse(arn, out var name))
        {
            return null;
        }

        if (name == PrincipalArn.RootOf(account))
        {
            return Principal.Root(account);
        }

        return await control.Access.FindPrincipalAsync(arn) is { } row ? new(name, [.. row.Policies.Select(Read).OfType<PolicyDocument>()]) : null;
    }

    /// <summary>The secret of a key.</summary>
    public string SecretOf(KnownKey key) => Encoding.UTF8.GetString(ring.Open(SealedTable.PurposeOfKey(key.Id), key.Sealed));

    /// <summary>Makes a principal, or gives one other policies, and a key for it.</summary>
    /// <param name="policies">Checked already.</param>
    /// <param name="lifetime">How long the key holds, with a session token; null for one that stays.</param>
    public async Task<NewKey> CreateAsync(PrincipalArn arn, IReadOnlyList<PolicyRow> policies, TimeSpan? lifetime)
    {
        var (key, row) = MakeKey(arn.Text, lifetime);
        await control.Access.PutPrincipalAsync(new(arn.Text, time.GetUtcNow(), policies), row);
        Forget();
        return key;
    }

    /// <summary>Gives a principal a new key; those it had end, at once.</summary>
    public async Task<NewKey> RotateAsync(string arn)
    {
        var (key, row) = MakeKey(arn, null);
        await control.Access.PutKeyAsync(row, [.. (await control.Access.ListKeysAsync(arn)).Select(old => old.Id)]);
        Forget();
        return key;
    }

    /// <summary>The principal with its keys; its tokens end with them.</summary>
    public async Task DeleteAsync(string arn)
    {
        await control.Access.DeletePrincipalAsync(arn);
        Forget();
    }

    /// <summary>One key alone.</summary>
    public async Task DeleteKeyAsync(string arn, string id)
    {
        await control.Access.DeleteKeysAsync(arn, [id]);
        Forget();
    }

    /// <summary>Puts a key that was written elsewhere already: the root's, which is in its file before it is in the catalog.</summary>
    internal (NewKey Key, AccessKeyRow Row) MakeKey(string arn, TimeSpan? lifetime)
    {
        var id = AccessNames.NewKeyId(lifetime is not null);
        var secret = AccessNames.NewSecret();
        var token = lifetime is null ? null : AccessNames.NewSessionToken();
        var now = time.GetUtcNow();
        var key = new NewKey(arn, id, secret, token, lifetime is { } span ? now + span : null);
        return (key, new(
            id, arn, ring.Seal(SealedTable.PurposeOfKey(id), Encoding.UTF8.GetBytes(secret)),
            token is null ? null : SHA256.HashData(Encoding.UTF8.GetBytes(token)), key.ExpiresAt, now));
    }

    /// <summary>After a change of what is remembered here, or of what decides beside it.</summary>
    public void Forget()
    {
        // The memory first: whoever sees the new version sees nothing that is older.
        Volatile.Write(ref known, NewMemory());
        Interlocked.Increment(ref version);
    }

    /// <summary>A policy that was stored by an older program and is not understood denies everything, for it may have denied something.</summary>
    private static PolicyDocument? Read(PolicyRow policy) => policy.Document is null
        ? ManagedPolicies.Find(policy.Name)
        : PolicyDocument.TryParse(policy.Document, PolicyKind.Identity, out var document, out _) ? document : PolicyDocument.Nothing;

    private static GenerationCache<string, KnownKey> NewMemory() => new(MostRemembered, _ => 1);
}
