namespace Millpond.Server.Rules;

/// <summary>What the rules say of a repository that a client asked for.</summary>
public enum RuleVerdict
{
    /// <summary>Under a rule and allowed.</summary>
    Matched,

    /// <summary>Under an opt-in preset that is not set up; <see cref="RuleResolution.Reason"/> says what to create.</summary>
    Dormant,

    /// <summary>Under a rule whose <c>allow</c> or <c>deny</c> refuses it.</summary>
    Denied,

    /// <summary><c>?ns=</c> names a registry no rule is for: this is no open proxy.</summary>
    UnknownNamespace,

    /// <summary>Under no rule.</summary>
    NoRule,
}

/// <param name="Match">Set when matched or denied.</param>
/// <param name="MayBeLocal">
/// Whether a repository of this server's own may be meant: the path alone named it, and no rule but <c>ROOT</c> is for it.
/// </param>
/// <param name="Reason">For the client, empty when matched: what is wrong and what to do.</param>
public sealed record RuleResolution(RuleVerdict Verdict, RuleMatch? Match, string Reason = "", bool MayBeLocal = false);
