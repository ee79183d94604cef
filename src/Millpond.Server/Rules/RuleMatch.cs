using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Server.Rules;

/// <summary>A repository under a rule: its canonical name here and its name at the upstream (with <c>library/</c> and the rule's repository prefix filled in).</summary>
public sealed record RuleMatch(PullThroughRule Rule, RepositoryName Repository, RepositoryName UpstreamRepository);
