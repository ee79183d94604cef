using System.Security.Cryptography;
using System.Text;
using Millpond.Server.Bounded;

namespace Millpond.Server.Access.Tokens;

/// <summary>What became of a login.</summary>
public enum LoginKind
{
    /// <summary>None was given, or one with an empty name and password, or a token for nobody.</summary>
    None,
    Known,

    /// <summary>A password or token that is not one.</summary>
    Wrong,

    /// <summary>A token that was one.</summary>
    Expired,

    /// <summary>Too many wrong passwords: none is looked at for a while.</summary>
    Throttled,
}

/// <param name="Who">Where it is known.</param>
/// <param name="Name">What the client called itself, for the audit line; no secret.</param>
/// <param name="Subject">What further tokens for it are made for.</param>
public sealed record Login(LoginKind Kind, string Name, Principal? Who = null, TokenClaims Subject = default, TimeSpan Wait = default)
{
    /// <summary>Whether it was a robot's password, and no token.</summary>
    internal bool IsByPassword { get; init; }

    /// <summary>Whether it was by a password that somebody chose, which somebody else may guess.</summary>
    internal bool IsGuessable { get; init; }

    public static Login None { get; } = new(LoginKind.None, "anonymous");
}

/// <summary>
/// Reads <c>Authorization</c> of <c>/v2/</c>: Basic with a token or a robot's password, or Bearer with a token. What was found right is
/// remembered until it ends or anything changes in what principals may.
/// </summary>
public sealed class RegistryLogins(Principals principals, RegistryTokens tokens, Robots robots, TimeProvider time) : IDisposable
{
    private const string Basic = "Basic ";
    private const string Bearer = "Bearer ";

    /// <summary>A password of more than this is none.</summary>
    private const int Longest = 4096;

    /// <summary>Hashing of passwords at once: it is made to cost, and pulls need the processor.</summary>
    private const int MostHashing = 2;

    /// <summary>Passwords that wait to be hashed; one more is told to come again.</summary>
    private const int MostWaiting = 64;

    /// <summary>In bytes: one right login can be written in many ways, up to the longest each.</summary>
    private const long MostRemembered = 16L * 1024 * 1024;

    /// <summary>What an entry takes beside its two texts, roughly; its principal is shared with the memory of keys.</summary>
    private const int EntryBytes = 512;

    /// <summary>Of a token from anywhere; of a password from the address that it came from, or a guess from elsewhere would be told right at no cost.</summary>
    private readonly GenerationCache<(string Authorization, string Address), Remembered> known =
        new(MostRemembered, static (key, _) => EntryBytes + (2L * (key.Authorization.Length + key.Address.Length)));
    private readonly FailedTries tries = new(time);
    private readonly SemaphoreSlim hashing = new(MostHashing);
    private int waiting;

    /// <param name="authorization">The header; null for none.</param>
    /// <param name="address">From where, for the bound on wrong passwords.</param>
    /// <param name="isProven">Whether the same was found right on the same connection, which nobody else can have.</param>
    public ValueTask<Login> ReadAsync(string? authorization, string address, bool isProven = false)
    {
        if (string.IsNullOrEmpty(authorization))
        {
            return new(Login.None);
        }

        if (authorization.Length > Longest)
        {
            return new(new Login(LoginKind.Wrong, "unknown"));
        }

        if (!known.TryGet((authorization, ""), out var remembered))
        {
            known.TryGet((authorization, address), out remembered);
        }

        if (remembered is { Login.IsGuessable: true } && !isProven && tries.FindCrowd(address) is { } wait)
        {
            return new(new Login(LoginKind.Throttled, remembered.Login.Name, Wait: wait));
        }

        return remembered is not null && remembered.Version == Version && remembered.ExpiresAt > time.GetUtcNow()
            ? new(remembered.Login)
            : ReadSlowlyAsync(authorization, address, remembered);
    }

    /// <summary>A token for who has logged in, or for nobody.</summary>
    public (string Token, DateTimeOffset ExpiresAt) MakeToken(Login login, TimeSpan lifetime) => login.Kind == LoginKind.Known
        ? tokens.Make(login.Subject.Kind, login.Subject.Subject, lifetime, login.Subject.ExpiresAt)
        : tokens.Make(TokenKind.Anonymous, "", lifetime);

    public void Dispose() => hashing.Dispose();

    private (long Principals, long Robots) Version => (principals.Version, robots.Version);

    private async ValueTask<Login> ReadSlowlyAsync(string authorization, string address, Remembered? before)
    {
        var version = Version;
        var login = before is { IsByPassword: true } && await RenewAsync(before) is { } same ? same
            : authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? await ReadTokenAsync(authorization[Bearer.Length..].Trim())
            : authorization.StartsWith(Basic, StringComparison.OrdinalIgnoreCase) ? await ReadBasicAsync(authorization[Basic.Length..].Trim(), address)
            : new(LoginKind.Wrong, "unknown");
        if (login.Kind == LoginKind.Known)
        {
            // A token's claims were read from it; a password's are made here.
            var isByPassword = login.IsByPassword;
            known.Set((authorization, isByPassword ? address : ""), new(login, login.Subject.ExpiresAt, version, isByPassword));
        }

        return login;
    }

    private async ValueTask<Login> ReadBasicAsync(string encoded, string address)
    {
        var bytes = new byte[encoded.Length];
        if (!Convert.TryFromBase64String(encoded, bytes, out var length))
        {
            return new(LoginKind.Wrong, "unknown");
        }

        var text = Encoding.UTF8.GetString(bytes.AsSpan(0, length));
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var (user, password) = colon < 0 ? (text, "") : (text[..colon], text[(colon + 1)..]);
        return (user, password) switch
        {
            ("", "") => Login.None,
            (Robot.TokenUser, _) => await ReadTokenAsync(password),
            _ => await ReadPasswordAsync(user, password, address),
        };
    }

    /// <summary>Guessing a token is hopeless, so wrong ones are not counted: a node with an old one locks nobody out.</summary>
    private async ValueTask<Login> ReadTokenAsync(string token)
    {
        if (tokens.Read(token) is not { } claims)
        {
            return new(LoginKind.Wrong, "unknown token");
        }

        if (claims.ExpiresAt <= time.GetUtcNow())
        {
            return new(LoginKind.Expired, "expired token");
        }

        switch (claims.Kind)
        {
            case TokenKind.Anonymous:
                return Login.None;
            case TokenKind.AccessKey:
                return await principals.FindKeyAsync(claims.Subject) is { } key && !(key.ExpiresAt <= time.GetUtcNow())
                    ? new(LoginKind.Known, key.Principal.Arn.Text, key.Principal, claims)
                    : new(LoginKind.Wrong, "token of a key that has gone");
            case TokenKind.Robot:
                var parts = claims.Subject.Split('\n');
                return await robots.FindAsync(parts[0]) is { } robot && robot.Version == parts[^1]
                    ? new(LoginKind.Known, robot.Name, robot.ToPrincipal(principals.Account), claims)
                    : new(LoginKind.Wrong, "token of a robot that has gone");
            default:
                return new(LoginKind.Wrong, "unknown token");
        }
    }

    private async ValueTask<Login> ReadPasswordAsync(string user, string password, string address)
    {
        var name = Robot.IsName(user) ? user : "unknown";

        // Made at random: nobody guesses it, so that no guesses of others keep it out.
        if (await robots.FindAsync(user) is { } made && PasswordHash.IsOfRandom(made.Hash) && PasswordHash.Fits(made.Hash, password))
        {
            return LoginOf(made);
        }

        if (tries.Begin(address, name) is { } wait)
        {
            return new(LoginKind.Throttled, name, Wait: wait);
        }

        if (Interlocked.Increment(ref waiting) > MostWaiting)
        {
            Interlocked.Decrement(ref waiting);
            tries.TakeBack(address, name);
            return new(LoginKind.Throttled, name, Wait: TimeSpan.FromSeconds(1));
        }

        try
        {
            var robot = await robots.FindAsync(user);
            if (!await FitsAsync(robot, password))
            {
                return new(LoginKind.Wrong, name);
            }

            tries.TakeBack(address, name);
            return LoginOf(robot!);
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }
    }

    /// <summary>A password that was right for what is still the robot's hash: not hashed again, whatever else has changed.</summary>
    private async ValueTask<Login?> RenewAsync(Remembered before) =>
        before.Login.Subject.Subject.Split('\n') is [var name, var version] && await robots.FindAsync(name) is { } robot && robot.Version == version ? LoginOf(robot) : null;

    private Login LoginOf(Robot robot)
    {
        var subject = new TokenClaims(TokenKind.Robot, $"{robot.Name}\n{robot.Version}", time.GetUtcNow() + TimeSpan.FromDays(1));
        return new(LoginKind.Known, robot.Name, robot.ToPrincipal(principals.Account), subject) { IsByPassword = true, IsGuessable = !PasswordHash.IsOfRandom(robot.Hash) };
    }

    private async Task<bool> FitsAsync(Robot? robot, string password)
    {
        await hashing.WaitAsync();
        try
        {
            // Off this thread: it takes some 100 ms. As long for a name that nobody has, so that names cannot be found out.
            return await Task.Run(() => Fits(robot, password));
        }
        finally
        {
            hashing.Release();
        }
    }

    private static bool Fits(Robot? robot, string password)
    {
        if (robot is not null && PasswordHash.Fits(robot.Hash, password))
        {
            return true;
        }

        if (robot is null || PasswordHash.IsOfRandom(robot.Hash))
        {
            PasswordHash.Fits(Decoy.Value, password);
        }

        return false;
    }

    private static Lazy<string> Decoy { get; } = new(() => PasswordHash.Of(Convert.ToHexString(RandomNumberGenerator.GetBytes(16))));

    private sealed record Remembered(Login Login, DateTimeOffset ExpiresAt, (long Principals, long Robots) Version, bool IsByPassword);
}
