using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Access;
using Millpond.Server.Access.Tokens;
using Millpond.Server.Cache;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Configuration;
using Millpond.Server.Registry.Answers;
using Millpond.Server.Rules;

namespace Millpond.Server.Registry.Callers;

/// <summary>
/// The one place where it is asked whether a client may do something to a repository. Whoever has logged in may what policies say; whoever has
/// not may pull where a rule or <c>access.mode</c> says anonymous, and write in that mode alone, on this machine and as no page of a browser.
/// </summary>
public sealed class AccessGate
{
    /// <summary>What proxies say of whom they forward: with any of them a client on this machine is somebody else.</summary>
    private static readonly string[] ForwardingHeaders =
        ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server", "X-Real-IP", "Via"];

    /// <summary>Among what is kept with a connection.</summary>
    private static readonly object ProvenLogin = new();

    private readonly bool isAnonymous;
    private readonly PullThroughRules rules;
    private readonly AccessServices access;
    private readonly Challenge challenge;

    /// <summary>Whether anybody could be let in to write without a login by this configuration.</summary>
    private readonly bool isForThisMachine;

    public AccessGate(ServerConfiguration configuration, PullThroughRules rules, AccessServices access)
    {
        this.rules = rules;
        this.access = access;
        isAnonymous = configuration.Access == AccessMode.Anonymous;
        isForThisMachine = configuration.PublicUrl is null && configuration.TrustedProxies.IsEmpty;
        challenge = new(configuration.PublicUrl, rules);
    }

    /// <summary>Finds out who asks, and keeps it with the request. Not asked where everybody may: a login may then be meant for a proxy before us.</summary>
    internal async ValueTask<RegistryCaller> IdentifyAsync(HttpContext context, Door door)
    {
        if (RegistryCaller.Of(context) is { } known)
        {
            return known;
        }

        var request = context.Request;
        var header = request.Headers.Authorization;
        var address = context.Connection.RemoteIpAddress;
        var login = header.Count == 0 ? Login.None
            : IsPrivate(context, door) ? await ReadLoginAsync(context, header.ToString(), FailedTries.SourceOf(address))
            : new Login(LoginKind.Wrong, "over plain http");
        var caller = new RegistryCaller(login, new(address, request.IsHttps));
        context.Features.Set(caller);
        return caller;
    }

    /// <summary>A login that was found right on a connection is right on it, however many guesses come from the same address.</summary>
    private async ValueTask<Login> ReadLoginAsync(HttpContext context, string header, string address)
    {
        var connection = context.Features.Get<IConnectionItemsFeature>()?.Items;
        var isProven = connection is not null && connection.TryGetValue(ProvenLogin, out var proven) && header.Equals(proven);
        var login = await access.Logins.ReadAsync(header, address, isProven);
        if (login.Kind == LoginKind.Known && connection is not null && !isProven)
        {
            connection[ProvenLogin] = header;
        }

        return login;
    }

    /// <summary>Why the client may not; null where it may.</summary>
    public async ValueTask<RegistryError?> FindRefusalAsync(HttpContext context, Door door, RegistryWish wish)
    {
        if (wish is { Action: RegistryAction.Pull, Rule.Access: AccessMode.Anonymous })
        {
            return null;
        }

        RegistryError? unknown = null;
        var isForAll = isAnonymous && wish.Rule is not { Access: AccessMode.Token };
        if (isForAll)
        {
            unknown = wish.Action == RegistryAction.Pull ? null : Judge(context.Request, door, wish.Action == RegistryAction.Push ? "push" : "delete");
            if (unknown is null)
            {
                return null;
            }
        }

        var caller = await IdentifyAsync(context, door);
        return caller.Who is not null ? await JudgeAsync(context, caller, wish) : unknown ?? Refuse(context, caller, wish.Repository.ToString(), wish.Action);
    }

    /// <summary><c>/v2/</c> itself: where clients learn how to log in, and whether they are.</summary>
    internal async ValueTask<RegistryError?> FindRefusalAsync(HttpContext context, Door door)
    {
        if (isAnonymous && rules.IsOpen)
        {
            return null;
        }

        var caller = await IdentifyAsync(context, door);
        return caller.Who is not null ? null : Refuse(context, caller, null, RegistryAction.Pull);
    }

    /// <summary>What the server says of itself.</summary>
    public async ValueTask<RegistryError?> FindReportRefusalAsync(HttpContext context, Door door)
    {
        if (isAnonymous)
        {
            return null;
        }

        var caller = await IdentifyAsync(context, door);
        return caller.Who is null ? Refuse(context, caller, null, RegistryAction.Pull)
            : await IsAllowedAsync(context, caller, AccessNames.Observe, null) ? null
            : RegistryError.AccessDenied;
    }

    /// <summary>Whether a list names a repository to this client.</summary>
    internal async ValueTask<bool> ListsAsync(RegistryCaller caller, RepositoryName repository, PullThroughRule? rule) =>
        rule is { Access: AccessMode.Anonymous }
        || (caller.Who is { } who
            ? (await access.Authorizer.DecideAsync(who, RegistryWish.Describe, repository.ToString(), caller.Origin)).IsAllowed
            : isAnonymous && rule is null);

    /// <summary>Whether the client may make upstream be asked: by what a rule gives to all, or by a right of its own.</summary>
    /// <param name="isMissing">Whether the repository is not here yet.</param>
    internal async ValueTask<bool> MayImportAsync(HttpContext context, RegistryCaller caller, RuleMatch target, bool isMissing) =>
        target.Rule.Access == AccessMode.Anonymous
        || (caller.Who is not null
            && await IsAllowedAsync(context, caller, AccessNames.Import, target.Repository.ToString())
            && (!isMissing || await IsAllowedAsync(context, caller, AccessNames.NewRepository, target.Repository.ToString())));

    /// <summary>Whether the client may make upstream be asked although it is not due; what a rule gives to all does not reach so far.</summary>
    internal async ValueTask<bool> MayForceAsync(HttpContext context, RegistryCaller caller, RuleMatch target) =>
        caller.Who is not null && await IsAllowedAsync(context, caller, AccessNames.Import, target.Repository.ToString());

    /// <summary>A pull that found nothing here, once more with upstream asked, where the client may have that.</summary>
    internal async ValueTask<PullResult<T>> OrImportAsync<T>(
        HttpContext context, PullThrough pulls, RuleMatch target, PullOptions options, PullResult<T> found, Func<PullOptions, ValueTask<PullResult<T>>> again)
        where T : class
    {
        if (!options.MayNotAsk || options.OnlyIfCached || found.Failure is not { Kind: PullFailureKind.NotCached } || RegistryCaller.Of(context) is not { } caller)
        {
            return found;
        }

        return await MayImportAsync(context, caller, target, !await pulls.HasCacheAsync(target))
            ? await again(options with { MayNotAsk = false })
            : PullFailure.NotImported(target.Rule);
    }

    private async ValueTask<RegistryError?> JudgeAsync(HttpContext context, RegistryCaller caller, RegistryWish wish)
    {
        foreach (var permission in wish.Permissions)
        {
            if (!await IsAllowedAsync(context, caller, permission, wish.Repository.ToString()))
            {
                return RegistryError.AccessDenied;
            }
        }

        return null;
    }

    private async ValueTask<bool> IsAllowedAsync(HttpContext context, RegistryCaller caller, string permission, string? repository)
    {
        var decision = await access.Authorizer.DecideAsync(caller.Who!, permission, repository, caller.Origin);
        if (!decision.IsAllowed)
        {
            access.Audit.Record(
                caller.Who!.Arn.Text, caller.Origin.Address, permission, repository ?? "*", "DENIED",
                decision.Unknown is null ? decision.Because : $"{decision.Because} (the condition '{decision.Unknown}' is not known)", context.TraceIdentifier);
        }

        return decision.IsAllowed;
    }

    /// <summary>Nobody who is known: told how to log in, or what is wrong with the login. That a client asks without one first is no line's worth.</summary>
    private RegistryError Refuse(HttpContext context, RegistryCaller caller, string? repository, RegistryAction action)
    {
        var login = caller.Login;
        if (login.Kind != LoginKind.None)
        {
            access.Audit.Record(
                login.Name, caller.Origin.Address, action == RegistryAction.Pull ? "pull" : "write", repository ?? "/v2/", login.Kind.ToString().ToUpperInvariant(),
                "the login does not hold", context.TraceIdentifier);
        }

        if (login.Kind == LoginKind.Throttled)
        {
            return RegistryError.TooManyTries(login.Wait);
        }

        challenge.Set(context, repository, action);
        return login.Kind switch
        {
            LoginKind.Expired => RegistryError.TokenExpired,
            LoginKind.Wrong => RegistryError.LoginWrong,
            _ => RegistryError.LoginNeeded,
        };
    }

    /// <summary>A password may be heard by others on plain http beyond this machine, unless a proxy that is believed says that it came by https.</summary>
    private static bool IsPrivate(HttpContext context, Door door) =>
        context.Request.IsHttps || door.IsLoopback || context.Connection.RemoteIpAddress is { } address && System.Net.IPAddress.IsLoopback(address);

    private RegistryError? Judge(HttpRequest request, Door door, string verb)
    {
        if (!isForThisMachine || !door.IsLoopback || ForwardingHeaders.Any(request.Headers.ContainsKey))
        {
            return RegistryError.MayNotWrite(verb);
        }

        return IsForeignPage(request) ? RegistryError.ForeignPage(verb) : null;
    }

    /// <summary>A page in a browser on this machine reaches its loopback listeners too, in the name of whoever looks at it.</summary>
    private static bool IsForeignPage(HttpRequest request)
    {
        if (request.Headers["Sec-Fetch-Site"].ToString() is { Length: > 0 } site && !site.Equals("same-origin", StringComparison.OrdinalIgnoreCase)
            && !site.Equals("none", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        var origin = request.Headers.Origin;
        return origin.Count > 0 && !origin.ToString().Equals($"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase);
    }
}
