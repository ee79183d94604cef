using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Millpond.Server.Files;

namespace Millpond.Server.Catalog.Control;

/// <summary>The key that opens what is sealed in the catalog is missing or of no use. The message says what to do.</summary>
public sealed class KeyUnusableException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>
/// Seals what is secret before it goes into the catalog: AES-256-GCM under a key that is kept apart from it, so that the catalog alone, or a
/// backup of it, gives nothing away. What is sealed says which key and is bound to what it is for: it opens in no other place.
/// </summary>
public sealed class KeyRing
{
    private const byte Format = 1;
    private const int KeyBytes = 32;
    private const int IdBytes = 4;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private const int HeadBytes = 1 + IdBytes + NonceBytes + TagBytes;
    private const int LongestFile = 64 * 1024;

    private readonly string source;
    private readonly Func<string> read;
    private readonly Action<string>? write;
    private readonly Lock gate = new();
    private ImmutableArray<SealingKey> keys;

    private KeyRing(string source, Func<string> read, Action<string>? write)
    {
        (this.source, this.read, this.write) = (source, read, write);
        keys = Parse(read());
    }

    /// <summary>Whether the keys are the server's own to change; else somebody hands them in.</summary>
    public bool IsOwn => write is not null;

    /// <summary>The keys there are, the first seals.</summary>
    public int Count => keys.Length;

    /// <summary>The server's own key, made where there is none and nothing is sealed yet.</summary>
    /// <param name="isNeeded">Whether something is sealed already, so that a new key would be of no use.</param>
    /// <exception cref="KeyUnusableException">It is needed and not there, or cannot be read or made.</exception>
    public static KeyRing OpenOwn(string path, bool isNeeded)
    {
        try
        {
            if (!File.Exists(path))
            {
                if (isNeeded)
                {
                    throw new KeyUnusableException(
                        $"The catalog holds sealed secrets and access keys, and the key that opens them is not there: {path}. Put it back from a backup; without it they are lost, and the catalog's copy is useless");
                }

                Directory.CreateDirectory(Path.GetDirectoryName(path)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                PrivateFile.Write(path, Text([SealingKey.Make()]));
            }

            return new(path, () => ReadFile(path), text => PrivateFile.Write(path, text));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new KeyUnusableException($"The key of the catalog's secrets, {path}, cannot be read or made: {failure.Message.TrimEnd('.')}", failure);
        }
    }

    /// <summary>Keys that somebody hands in by a file.</summary>
    /// <exception cref="KeyUnusableException">It cannot be read.</exception>
    public static KeyRing OpenFile(string path) => Guarded(path, () => new(path, () => ReadFile(path), null));

    /// <summary>Keys that somebody hands in by an environment variable.</summary>
    /// <exception cref="KeyUnusableException">It is not set, or holds none.</exception>
    public static KeyRing OfVariable(string name, string? value) =>
        new($"the environment variable {name}", () => value ?? throw new KeyUnusableException($"The environment variable {name} with the key of the catalog's secrets is not set"), null);

    /// <summary>A text with one new key, as the file holds it.</summary>
    public static string NewText() => Text([SealingKey.Make()]);

    /// <param name="purpose">What it is for; it opens for nothing else.</param>
    public byte[] Seal(string purpose, ReadOnlySpan<byte> plain)
    {
        var key = keys[0];
        var content = new byte[HeadBytes + plain.Length];
        content[0] = Format;
        key.Id.AsSpan().CopyTo(content.AsSpan(1));
        var nonce = content.AsSpan(1 + IdBytes, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var cipher = new AesGcm(key.Secret, TagBytes);
        cipher.Encrypt(nonce, plain, content.AsSpan(HeadBytes), content.AsSpan(HeadBytes - TagBytes, TagBytes), Encoding.UTF8.GetBytes(purpose));
        return content;
    }

    /// <exception cref="KeyUnusableException">It was sealed with a key that is not here, for something else, or is damaged.</exception>
    public byte[] Open(string purpose, byte[] content)
    {
        if (content.Length < HeadBytes || content[0] != Format || Find(content.AsSpan(1, IdBytes)) is not { } key)
        {
            throw new KeyUnusableException($"Something in the catalog is sealed with a key that is not in {source}. Put that key back from a backup, as a further line");
        }

        var plain = new byte[content.Length - HeadBytes];
        try
        {
            using var cipher = new AesGcm(key.Secret, TagBytes);
            cipher.Decrypt(
                content.AsSpan(1 + IdBytes, NonceBytes), content.AsSpan(HeadBytes), content.AsSpan(HeadBytes - TagBytes, TagBytes), plain, Encoding.UTF8.GetBytes(purpose));
            return plain;
        }
        catch (CryptographicException failure)
        {
            throw new KeyUnusableException("Something that is sealed in the catalog is damaged, or was sealed for something else", failure);
        }
    }

    /// <summary>
    /// From now on another key seals; those before open still, in this process. The file keeps the last of them until the next change: what
    /// was being sealed while all was sealed anew has it yet. Where keys are handed in, they are read again.
    /// </summary>
    /// <exception cref="KeyUnusableException">The new keys lack the one in use, or cannot be read or written.</exception>
    public void Rotate()
    {
        lock (gate)
        {
            Guarded(source, () =>
            {
                var next = write is null ? Parse(read()) : [SealingKey.Make(), keys[0]];
                if (!next.Any(key => key.Id.SequenceEqual(keys[0].Id)))
                {
                    throw new KeyUnusableException($"The first line of {source} seals from now on, and the line that was first until now must stay below it until the next change");
                }

                write?.Invoke(Text(next));
                keys = [.. next, .. keys.Where(old => !next.Any(key => key.Id.SequenceEqual(old.Id)))];
                return this;
            });
        }
    }

    private SealingKey? Find(ReadOnlySpan<byte> id)
    {
        foreach (var key in keys)
        {
            if (id.SequenceEqual(key.Id))
            {
                return key;
            }
        }

        return null;
    }

    private ImmutableArray<SealingKey> Parse(string text)
    {
        var found = new List<SealingKey>();
        foreach (var line in text.Split(['\n', ','], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var secret = new byte[KeyBytes];
            if (!line.StartsWith('#'))
            {
                found.Add(Convert.TryFromBase64String(line, secret, out var length) && length == KeyBytes
                    ? new(secret)
                    : throw new KeyUnusableException($"{source} holds a line that is no key: each line is 32 random bytes in base64 (openssl rand -base64 32), the first one seals"));
            }
        }

        return found.Count > 0 ? [.. found] : throw new KeyUnusableException($"{source} holds no key: write 32 random bytes in base64 (openssl rand -base64 32)");
    }

    private static string Text(IEnumerable<SealingKey> keys) => string.Concat(keys.Select(key => Convert.ToBase64String(key.Secret) + "\n"));

    private static string ReadFile(string path) => new FileInfo(path).Length <= LongestFile ? File.ReadAllText(path) : throw new IOException("it is too large for keys");

    private static KeyRing Guarded(string source, Func<KeyRing> work)
    {
        try
        {
            return work();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new KeyUnusableException($"The key of the catalog's secrets, {source}, cannot be read or written: {failure.Message.TrimEnd('.')}", failure);
        }
    }

    /// <summary>A key with a name that tells nothing of it.</summary>
    private sealed class SealingKey(byte[] secret)
    {
        public byte[] Secret => secret;

        public byte[] Id { get; } = HMACSHA256.HashData(secret, "millpond sealing key"u8)[..IdBytes];

        public static SealingKey Make() => new(RandomNumberGenerator.GetBytes(KeyBytes));
    }
}
