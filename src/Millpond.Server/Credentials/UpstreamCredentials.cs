using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Millpond.Server.Configuration;

namespace Millpond.Server.Credentials;

/// <summary>
/// Where an upstream's credential comes from. A file is read whenever it is asked for: it is small beside the request it is for, and
/// a rotated secret is then used at once, however it was replaced (Kubernetes swaps symbolic links and may keep length and time).
/// </summary>
public sealed class UpstreamCredentials
{
    /// <summary>What <see cref="VersionOf"/> says where no credential is configured.</summary>
    public const string AnonymousVersion = "anonymous";

    private const string UnreadableVersion = "unreadable";

    // A user name and a token are some hundred bytes; more is the wrong file.
    private const int MaxFileBytes = 64 * 1024;

    private readonly Func<string, string?> environment;

    // Of this process only, so that a version that is logged tells nothing of the secret.
    private readonly byte[] salt = RandomNumberGenerator.GetBytes(16);

    private readonly SecretVault? vault;
    private readonly AwsSecrets? aws;

    /// <param name="vault">Where secrets are that rules name; null where there are none.</param>
    /// <param name="aws">AWS's own, for rules that name one there.</param>
    public UpstreamCredentials(SecretVault? vault = null, AwsSecrets? aws = null)
        : this(Environment.GetEnvironmentVariable) => (this.vault, this.aws) = (vault, aws);

    internal UpstreamCredentials(Func<string, string?> environment) => this.environment = environment;

    /// <summary>The credential as it is now; null where none is configured.</summary>
    /// <exception cref="CredentialUnreadableException">It is configured, and cannot be read.</exception>
    public async ValueTask<UpstreamCredential?> GetAsync(CredentialSource? source, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return source is { AwsSecretArn: { } arn } ? ParseSecret(await Aws.GetAsync(arn, cancellationToken), arn) : Read(source);
    }

    /// <summary>An upstream has refused the credential: whether it is another by now, so that to ask again is worth it. What is read at each request is.</summary>
    public async ValueTask<bool> RenewAsync(CredentialSource? source, CancellationToken cancellationToken) =>
        source is { AwsSecretArn: { } arn } && aws is not null && await aws.RenewAsync(arn, cancellationToken);

    /// <summary>The version of the credential as it is now, for keys of what was cached with it. Never throws.</summary>
    public string VersionOf(CredentialSource? source)
    {
        try
        {
            return Read(source)?.Version ?? AnonymousVersion;
        }
        catch (CredentialUnreadableException)
        {
            return UnreadableVersion;
        }
    }

    /// <summary>Whose credential it is now: its user name, null where none is configured. False where it is configured and cannot be read.</summary>
    public bool TryReadUser(CredentialSource? source, out string? user)
    {
        try
        {
            user = Read(source)?.Username;
            return true;
        }
        catch (CredentialUnreadableException)
        {
            user = null;
            return false;
        }
    }

    private AwsSecrets Aws => aws ?? throw new CredentialUnreadableException("AWS Secrets Manager is not asked by this program");

    private UpstreamCredential ParseSecret(string text, string arn) => Parse(Encoding.UTF8.GetBytes(text), $"secret {arn}");

    /// <summary>Without asking anybody else.</summary>
    private UpstreamCredential? Read(CredentialSource? source) => source switch
    {
        null => null,
        { SecretArn: { } arn } => ParseSecret((vault ?? throw new CredentialUnreadableException("secrets are not kept here")).ReadText(arn), arn),
        { AwsSecretArn: { } arn } => ParseSecret(Aws.Find(arn) ?? throw new CredentialUnreadableException($"the secret {arn} of AWS Secrets Manager was not read yet"), arn),
        { File: { } path } => ReadFile(path),
        { UsernameEnv: { } username, TokenEnv: { } token } => ReadEnvironment(username, token),
        _ => throw new CredentialUnreadableException("the credential names neither a file nor two environment variables"),
    };

    private UpstreamCredential ReadEnvironment(string usernameName, string tokenName)
    {
        var username = environment(usernameName);
        var token = environment(tokenName);
        if (string.IsNullOrEmpty(username) || string.IsNullOrEmpty(token))
        {
            var missing = string.IsNullOrEmpty(username) ? usernameName : tokenName;
            throw new CredentialUnreadableException($"the credential's environment variable {missing} is not set");
        }

        return Make(username, token, $"credential in the environment variables {usernameName} and {tokenName}");
    }

    private UpstreamCredential ReadFile(string path)
    {
        var what = $"credential file {path}";
        try
        {
            // Opened once: between a look at its size and the reading the file may be another.
            using var handle = File.OpenHandle(path);
            var content = new byte[Math.Min(RandomAccess.GetLength(handle), MaxFileBytes) + 1];
            var length = 0;
            while (length < content.Length && RandomAccess.Read(handle, content.AsSpan(length), length) is > 0 and var read)
            {
                length += read;
            }

            return length <= MaxFileBytes
                ? Parse(content.AsSpan(0, length), what)
                : throw new CredentialUnreadableException($"{what} cannot be read: it is larger than {MaxFileBytes / 1024} KiB");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            var why = e switch
            {
                FileNotFoundException or DirectoryNotFoundException => "there is no such file",
                UnauthorizedAccessException => "this process may not read it",
                _ => "reading it failed",
            };
            throw new CredentialUnreadableException($"{what} cannot be read: {why}");
        }
    }

    private UpstreamCredential Parse(ReadOnlySpan<byte> content, string what)
    {
        const string Wanted = """it must be JSON of the form {"username": "…", "accessToken": "…"}""";
        try
        {
            var text = content.StartsWith(Encoding.UTF8.Preamble) ? content[Encoding.UTF8.Preamble.Length..] : content;
            var reader = new Utf8JsonReader(text);
            using var document = JsonDocument.ParseValue(ref reader);
            return document.RootElement.ValueKind == JsonValueKind.Object
                && Text(document.RootElement, "username") is { Length: > 0 } username
                && Text(document.RootElement, "accessToken") is { Length: > 0 } token
                    ? Make(username, token, what)
                    : throw new CredentialUnreadableException($"{what} cannot be read: {Wanted}");
        }
        catch (JsonException)
        {
            // Without the parser's message, which quotes the content.
            throw new CredentialUnreadableException($"{what} cannot be read: {Wanted}");
        }
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private UpstreamCredential Make(string username, string token, string what)
    {
        // Both travel as Basic user:password in one header line.
        if (username.Contains(':') || username.Any(char.IsControl) || token.Any(char.IsControl))
        {
            throw new CredentialUnreadableException($"{what} cannot be used: a colon in the user name, or a line break or other control character");
        }

        var hash = HMACSHA256.HashData(salt, Encoding.UTF8.GetBytes($"{username}\n{token}"));
        return new UpstreamCredential(username, token, Convert.ToHexStringLower(hash.AsSpan(0, 6)));
    }
}
