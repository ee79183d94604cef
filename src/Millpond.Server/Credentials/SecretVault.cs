using System.Collections.Concurrent;
using System.Text;
using Millpond.Server.Catalog.Control;

namespace Millpond.Server.Credentials;

/// <summary>What a version of a secret holds: a text or bytes.</summary>
public sealed record SecretValue(string? Text, byte[]? Bytes)
{
    /// <summary>Without what it holds, so that no log line can hold it.</summary>
    public override string ToString() => "a secret's value";

    /// <summary>As it is sealed: a letter says which of the two.</summary>
    internal byte[] ToPlain() => Text is not null ? [(byte)'t', .. Encoding.UTF8.GetBytes(Text)] : [(byte)'b', .. Bytes!];

    internal static SecretValue OfPlain(byte[] plain) => plain[0] == 't' ? new(Encoding.UTF8.GetString(plain.AsSpan(1)), null) : new(null, plain[1..]);
}

/// <summary>Secrets as they are used: sealed in the catalog, opened here.</summary>
public sealed class SecretVault(ControlTables control, KeyRing ring, TimeProvider time)
{
    public const string Current = "AWSCURRENT";
    public const string Previous = "AWSPREVIOUS";

    private ConcurrentDictionary<string, SecretValue> used = new(StringComparer.Ordinal);

    /// <summary>Raised after a secret has changed, with its ARN.</summary>
    public event Action<string>? Changed;

    /// <summary>A secret that has not gone, by its name or ARN; it may be marked for deletion.</summary>
    public async ValueTask<SecretRow?> FindAsync(string id)
    {
        if (await control.Secrets.FindAsync(id) is not { } secret)
        {
            return null;
        }

        if (secret.DeletionDate is { } date && date <= time.GetUtcNow())
        {
            await control.Secrets.DeleteAsync(secret.Arn);
            return null;
        }

        return secret;
    }

    public SecretVersionRow Seal(string arn, string version, SecretValue value, IReadOnlyList<string> stages) =>
        new(arn, version, ring.Seal(SealedTable.PurposeOfVersion(arn, version), value.ToPlain()), time.GetUtcNow(), stages);

    /// <exception cref="KeyUnusableException">It cannot be opened.</exception>
    public SecretValue Open(SecretVersionRow version) => SecretValue.OfPlain(ring.Open(SealedTable.PurposeOfVersion(version.Arn, version.VersionId), version.Sealed));

    /// <summary>After a change of the secret.</summary>
    public void Forget(string arn)
    {
        // Another in its place: a value that is being loaded meanwhile goes into the one that is left.
        Volatile.Write(ref used, new(StringComparer.Ordinal));
        Changed?.Invoke(arn);
    }

    /// <summary>The text of a secret as a rule uses it.</summary>
    /// <exception cref="CredentialUnreadableException">It is not there, has no text, or cannot be opened.</exception>
    public string ReadText(string arn)
    {
        var memory = Volatile.Read(ref used);
        if (!memory.TryGetValue(arn, out var value))
        {
            // Over SQLite the task has ended when it is returned.
            value = LoadAsync(arn).AsTask().GetAwaiter().GetResult();
            memory[arn] = value;
        }

        return value.Text ?? throw new CredentialUnreadableException($"the secret {arn} holds no text");
    }

    private async ValueTask<SecretValue> LoadAsync(string arn)
    {
        if (await FindAsync(arn) is not { DeletedAt: null } secret)
        {
            throw new CredentialUnreadableException($"the secret {arn} is not there, or is marked for deletion");
        }

        try
        {
            return (await control.Secrets.VersionsAsync(secret.Arn)).FirstOrDefault(version => version.Stages.Contains(Current)) is { } current
                ? Open(current)
                : throw new CredentialUnreadableException($"the secret {arn} has no value");
        }
        catch (KeyUnusableException failure)
        {
            throw new CredentialUnreadableException($"the secret {arn} cannot be opened: {failure.Message}");
        }
    }
}
