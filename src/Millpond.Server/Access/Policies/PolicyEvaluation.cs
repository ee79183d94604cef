using System.Collections.Immutable;

namespace Millpond.Server.Access.Policies;

/// <summary>Whether it is allowed, and why not.</summary>
/// <param name="Because">Empty where it is allowed; else as AWS ends its message.</param>
/// <param name="Unknown">A condition that is not known here and decided; for the audit line.</param>
public readonly record struct PolicyDecision(bool IsAllowed, string Because, string? Unknown = null);

/// <summary>
/// Decides as AWS does: an explicit deny anywhere wins; within the account that owns the resource either side's allow is enough; across
/// accounts both must allow. Pure: whoever asks has loaded the policies.
/// </summary>
public static class PolicyEvaluation
{
    /// <param name="identity">What hangs on the principal.</param>
    /// <param name="resource">What hangs on the resource and its registry.</param>
    public static PolicyDecision Decide(PolicyRequest request, ImmutableArray<PolicyDocument> identity, ImmutableArray<PolicyDocument> resource)
    {
        var mine = Weigh(request, identity);
        if (mine.Denies)
        {
            return new(false, "with an explicit deny in an identity-based policy", mine.Unknown);
        }

        if (request.IsIdentityOnly)
        {
            return mine.Allow == PrincipalFit.None ? None("identity", request, mine.Unknown) : Allowed;
        }

        var theirs = Weigh(request, resource);
        if (theirs.Denies)
        {
            return new(false, "with an explicit deny in a resource-based policy", theirs.Unknown);
        }

        if (request.Principal.Account == request.ResourceAccount)
        {
            return mine.Allow != PrincipalFit.None || theirs.Allow == PrincipalFit.Named ? Allowed : None("identity", request, mine.Unknown ?? theirs.Unknown);
        }

        return mine.Allow == PrincipalFit.None ? None("identity", request, mine.Unknown)
            : theirs.Allow == PrincipalFit.None ? None("resource", request, theirs.Unknown)
            : Allowed;
    }

    private static PolicyDecision Allowed => new(true, "");

    private static PolicyDecision None(string side, PolicyRequest request, string? unknown) =>
        new(false, $"because no {side}-based policy allows the {request.Action} action", unknown);

    private static Weight Weigh(PolicyRequest request, ImmutableArray<PolicyDocument> documents)
    {
        var weight = new Weight(false, PrincipalFit.None, null);
        foreach (var statement in documents.SelectMany(document => document.Statements))
        {
            var fit = statement.Fit(request.Principal);
            if (fit == PrincipalFit.None || !statement.Covers(request))
            {
                continue;
            }

            var (result, unknown) = Judge(statement, request);
            if (statement.IsDeny && result != ConditionResult.NotMet)
            {
                // What is not understood is no reason to let anybody through.
                return new(true, PrincipalFit.None, unknown);
            }

            weight = statement.IsDeny || result != ConditionResult.Met
                ? weight with { Unknown = weight.Unknown ?? unknown }
                : weight with { Allow = fit > weight.Allow ? fit : weight.Allow };
        }

        return weight;
    }

    private static (ConditionResult Result, string? Unknown) Judge(PolicyStatement statement, PolicyRequest request)
    {
        string? unknown = null;
        foreach (var condition in statement.Conditions)
        {
            switch (condition.Judge(request))
            {
                case ConditionResult.NotMet:
                    return (ConditionResult.NotMet, null);
                case ConditionResult.Unknown:
                    unknown ??= condition.Name;
                    break;
                case ConditionResult.Met:
                    break;
            }
        }

        return (unknown is null ? ConditionResult.Met : ConditionResult.Unknown, unknown);
    }

    private readonly record struct Weight(bool Denies, PrincipalFit Allow, string? Unknown);
}
