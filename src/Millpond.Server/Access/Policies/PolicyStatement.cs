using System.Collections.Immutable;

namespace Millpond.Server.Access.Policies;

/// <summary>How a statement's principals fit the one who asks.</summary>
internal enum PrincipalFit
{
    None,

    /// <summary>The whole account is named: what it may, its own policies must say too.</summary>
    Account,

    /// <summary>The principal itself, or everyone.</summary>
    Named,
}

/// <summary>One statement of a policy. Names are as written; <c>Not…</c> elements are the same lists with their flag set.</summary>
public sealed record PolicyStatement
{
    public bool IsDeny { get; init; }

    /// <summary>ARNs, account numbers and <c>*</c>; null in identity policies, whose principal is who has them.</summary>
    public ImmutableArray<string>? Principals { get; init; }

    public bool IsNotPrincipals { get; init; }

    public ImmutableArray<string> Actions { get; init; } = [];

    public bool IsNotActions { get; init; }

    /// <summary>Empty = the resource that the policy is on.</summary>
    public ImmutableArray<string> Resources { get; init; } = [];

    public bool IsNotResources { get; init; }

    public ImmutableArray<PolicyCondition> Conditions { get; init; } = [];

    internal bool Covers(PolicyRequest request) =>
        IsNotActions != Actions.Any(action => Wildcard.Matches(action, request.Action, ignoreCase: true))
        && (Resources.IsEmpty || IsNotResources != Resources.Any(resource => Wildcard.Matches(resource, request.Resource)));

    internal PrincipalFit Fit(PrincipalArn principal)
    {
        if (Principals is not { } names)
        {
            return PrincipalFit.Named;
        }

        var fit = names.Select(name => Fit(name, principal)).DefaultIfEmpty(PrincipalFit.None).Max();
        if (!IsNotPrincipals)
        {
            return fit;
        }

        // An account that is excepted from a deny stands there beside the one that is meant (AWS's own example): it excepts nobody but its root.
        var isExcepted = fit == PrincipalFit.Named || (fit == PrincipalFit.Account && (!IsDeny || principal.IsRoot));
        return isExcepted ? PrincipalFit.None : PrincipalFit.Named;
    }

    private static PrincipalFit Fit(string name, PrincipalArn principal)
    {
        if (name == "*" || name == principal.Text || name == principal.Role)
        {
            return PrincipalFit.Named;
        }

        return name == principal.Account || name == principal.AccountRoot ? PrincipalFit.Account : PrincipalFit.None;
    }
}
