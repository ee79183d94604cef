using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Millpond.Server.Access.Signatures;
using Millpond.Server.Configuration;

namespace Millpond.Server.Credentials;

/// <summary>What came of asking for a secret.</summary>
public enum AwsSecretOutcome
{
    Found,

    /// <summary>There is none, or it is marked for deletion, or holds no text.</summary>
    Absent,

    /// <summary>This server's key may not read it, or there is no key.</summary>
    Refused,
    Undecryptable,

    /// <summary>It does not answer, or not as a Secrets Manager does.</summary>
    Unreachable,
}

/// <summary>
/// Secrets of AWS's Secrets Manager. What was read is used for five minutes, and for a day while it cannot be asked; what it says of a secret
/// itself (gone, refused) holds at once. Nobody waits for a renewal but who has no value, or one that an upstream has just refused.
/// </summary>
public sealed partial class AwsSecrets : IDisposable
{
    private const string Service = "secretsmanager";
    private const int LongestAnswer = 256 * 1024;

    /// <summary>How long a value is used before it is asked for again.</summary>
    public static readonly TimeSpan FreshFor = TimeSpan.FromMinutes(5);

    /// <summary>How long a value is used while it cannot be asked for.</summary>
    public static readonly TimeSpan UsedFor = TimeSpan.FromHours(24);

    /// <summary>How long it is not asked again after a failure, or after an upstream refused what had just come.</summary>
    public static readonly TimeSpan AskedAgainAfter = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan AnswersWithin = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, Secret> secrets = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource stopping = new();
    private readonly HttpClient http;
    private readonly Uri? endpoint;
    private readonly Func<string, string?> environment;
    private readonly TimeProvider time;
    private readonly ILogger<AwsSecrets> log;

    /// <param name="endpoint">In place of AWS's own of the secret's region; null for that.</param>
    /// <param name="environment">By which the key is found that AWS tools would use.</param>
    public AwsSecrets(Uri? endpoint, Func<string, string?> environment, TimeProvider time, ILogger<AwsSecrets> log)
    {
        (this.endpoint, this.environment, this.time, this.log) = (endpoint, environment, time, log);
        http = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = LongestAnswer };
    }

    /// <summary>As the configuration has it.</summary>
    public static AwsSecrets Open(AwsSecretsConfiguration configuration, TimeProvider time, ILogger<AwsSecrets> log) => new(
        configuration.Endpoint,
        configuration.CredentialsFile is { } file
            ? name => name switch
            {
                "AWS_SHARED_CREDENTIALS_FILE" => file,
                "AWS_PROFILE" => Environment.GetEnvironmentVariable(name),
                _ => null,
            }
            : Environment.GetEnvironmentVariable,
        time,
        log);

    public void Dispose()
    {
        stopping.Cancel();
        http.Dispose();
        stopping.Dispose();
    }

    /// <summary>The value that was read last and may still be used; null where there is none. Asks nobody.</summary>
    public string? Find(string arn) => secrets.TryGetValue(arn, out var secret) && secret.Held is { } held && IsUsable(held) ? held.Text : null;

    /// <summary>Asks for it, for nobody yet.</summary>
    public void Begin(string arn) => _ = AskAsync(arn);

    /// <summary>The value, asked for where there is none that may be used.</summary>
    /// <exception cref="CredentialUnreadableException">It cannot be had; the message says why.</exception>
    public async ValueTask<string> GetAsync(string arn, CancellationToken cancellationToken)
    {
        var held = secrets.GetOrAdd(arn, static _ => new Secret()).Held;
        var isDue = held is null || (held.Text is null || time.GetElapsedTime(held.ReadAt) >= FreshFor) && time.GetElapsedTime(held.AskedAt) >= AskedAgainAfter;
        if (isDue)
        {
            var asking = AskAsync(arn);
            held = held is not null && IsUsable(held) ? held : await asking.WaitAsync(cancellationToken);
        }

        return IsUsable(held!) ? held!.Text! : throw new CredentialUnreadableException($"the secret {arn} of AWS Secrets Manager cannot be read: {held!.Why}");
    }

    /// <summary>Asks for it now, unless that was done a moment ago: an upstream has refused what is held. Whether it is another since.</summary>
    public async Task<bool> RenewAsync(string arn, CancellationToken cancellationToken)
    {
        var held = secrets.GetOrAdd(arn, static _ => new Secret()).Held;
        return held?.Text is not null && time.GetElapsedTime(held.AskedAt) >= AskedAgainAfter
            && (await AskAsync(arn).WaitAsync(cancellationToken)).Text is { } text && text != held.Text;
    }

    /// <summary>Whether it can be had, for a rule that is about to name it. One that nobody uses yet and cannot be had is not remembered.</summary>
    public async Task<AwsSecretOutcome> CheckAsync(string arn, CancellationToken cancellationToken)
    {
        var held = await AskAsync(arn).WaitAsync(cancellationToken);
        if (held.Text is null)
        {
            secrets.TryRemove(arn, out _);
        }

        return held.Outcome;
    }

    private bool IsUsable(Value held) => held.Text is not null && time.GetElapsedTime(held.ReadAt) < UsedFor;

    /// <summary>One question at a time for each secret, on nobody's own time.</summary>
    private Task<Value> AskAsync(string arn)
    {
        var secret = secrets.GetOrAdd(arn, static _ => new Secret());
        lock (secret)
        {
            return secret.Asking is { IsCompleted: false } running ? running : secret.Asking = Task.Run(() => AskOnceAsync(arn, secret));
        }
    }

    private async Task<Value> AskOnceAsync(string arn, Secret secret)
    {
        var (outcome, text, why) = await ReadAsync(arn);
        var (before, now) = (secret.Held, time.GetTimestamp());
        if (outcome != AwsSecretOutcome.Found)
        {
            Log.NotRead(log, arn, why);
        }

        // Of a secret that cannot be asked for, the last value is used on; of one that is gone, no more.
        return secret.Held = outcome switch
        {
            AwsSecretOutcome.Found => new(text, outcome, "", now, now),
            AwsSecretOutcome.Unreachable when before?.Text is not null => before with { Outcome = outcome, Why = why, AskedAt = now },
            _ => new(null, outcome, why, now, now),
        };
    }

    private async Task<(AwsSecretOutcome Outcome, string? Text, string Why)> ReadAsync(string arn)
    {
        try
        {
            // arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME
            var region = arn.Split(':') is [_, _, _, { Length: > 0 } named, ..] ? named : "us-east-1";
            if (AwsCredentials.Find(environment, out var missing) is not { } key)
            {
                return (AwsSecretOutcome.Refused, null, $"there is no access key: {missing}");
            }

            using var limit = new CancellationTokenSource(AnswersWithin, time);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stopping.Token);
            var body = Encoding.UTF8.GetBytes(new JsonObject { ["SecretId"] = arn }.ToJsonString());
            using var request = SignedCall.Make(endpoint ?? EndpointOf(arn, region), region, Service, $"{Service}.GetSecretValue", body, key, time.GetUtcNow());
            using var response = await http.SendAsync(request, both.Token);
            using var answer = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(both.Token));
            return response.IsSuccessStatusCode ? ReadValue(answer.RootElement) : ReadError((int)response.StatusCode, answer.RootElement);
        }
        catch (Exception failure) when (failure is HttpRequestException or JsonException or OperationCanceledException or ObjectDisposedException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            return (AwsSecretOutcome.Unreachable, null, failure switch
            {
                OperationCanceledException or ObjectDisposedException => $"it did not answer within {AnswersWithin.TotalSeconds:0} s",
                JsonException or InvalidOperationException => "its answer is not one of Secrets Manager",
                _ => failure.Message.TrimEnd('.'),
            });
        }
    }

    private static Uri EndpointOf(string arn, string region) =>
        new($"https://{Service}.{region}.amazonaws.com{(arn.StartsWith("arn:aws-cn:", StringComparison.Ordinal) ? ".cn" : "")}");

    private static (AwsSecretOutcome Outcome, string? Text, string Why) ReadValue(JsonElement answer) =>
        TextOf(answer, "SecretString") is { } text ? (AwsSecretOutcome.Found, text, "") : (AwsSecretOutcome.Absent, null, "it holds no text");

    private static (AwsSecretOutcome Outcome, string? Text, string Why) ReadError(int status, JsonElement answer)
    {
        var type = TextOf(answer, "__type") ?? "";
        type = type[(type.LastIndexOf('#') + 1)..];
        return type switch
        {
            "ResourceNotFoundException" => (AwsSecretOutcome.Absent, null, "there is none of that ARN"),
            "InvalidRequestException" => (AwsSecretOutcome.Absent, null, "it is marked for deletion"),
            "DecryptionFailure" => (AwsSecretOutcome.Undecryptable, null, "it cannot be decrypted with its key"),
            "ThrottlingException" or "InternalServiceError" or "InternalFailure" => (AwsSecretOutcome.Unreachable, null, $"it answered {type}"),
            _ when status >= 500 => (AwsSecretOutcome.Unreachable, null, $"it answered {status}"),
            _ => (AwsSecretOutcome.Refused, null, $"it refused this server's access key ({(type.Length is > 0 and < 100 ? type : $"{status}")})"),
        };
    }

    private static string? TextOf(JsonElement answer, string name) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private sealed class Secret
    {
        public Value? Held
        {
            get => Volatile.Read(ref field);
            set => Volatile.Write(ref field, value);
        }

        public Task<Value>? Asking { get; set; }
    }

    /// <param name="ReadAt">When the text came.</param>
    /// <param name="AskedAt">When it was last asked for.</param>
    private sealed record Value(string? Text, AwsSecretOutcome Outcome, string Why, long ReadAt, long AskedAt)
    {
        /// <summary>Without the secret, so that no log line can hold it.</summary>
        public override string ToString() => "a secret's value";
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "The secret {Arn} of AWS Secrets Manager could not be read: {Reason}")]
        public static partial void NotRead(ILogger logger, string arn, string reason);
    }
}
