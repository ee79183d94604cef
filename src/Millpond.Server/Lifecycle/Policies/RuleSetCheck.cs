using System.Collections.Immutable;

namespace Millpond.Server.Lifecycle.Policies;

/// <summary>What the members of a rule, and the rules of a policy, may say together.</summary>
internal static class RuleSetCheck
{
    /// <exception cref="PolicyTextException">They contradict each other.</exception>
    public static void Check(CountType countType, bool ofArchive, LifecycleAction action)
    {
        if (ofArchive != (countType == CountType.SinceImageTransitioned))
        {
            throw new PolicyTextException(ofArchive
                ? "Only countType=sinceImageTransitioned can be used with storageClass=ARCHIVE."
                : "Must specify storageClass=ARCHIVE when countType=sinceImageTransitioned.");
        }

        if (ofArchive && action != LifecycleAction.Expire)
        {
            throw new PolicyTextException("Only the action type expire can be used with countType=sinceImageTransitioned.");
        }
    }

    /// <inheritdoc cref="Check(CountType, bool, LifecycleAction)"/>
    /// <param name="rules">By their priority.</param>
    public static void Check(ImmutableArray<LifecycleRule> rules)
    {
        if (rules.DistinctBy(rule => rule.Priority).Count() != rules.Length)
        {
            throw new PolicyTextException("The rulePriority of each rule must be unique.");
        }

        foreach (var ofClass in rules.GroupBy(rule => rule.OfArchive))
        {
            if (ofClass.Count(rule => rule.TagStatus == TagStatus.Untagged) > 1)
            {
                throw new PolicyTextException("Only one rule can select Untagged images per storage class.");
            }

            if (ofClass.SkipLast(1).Any(rule => rule.TagStatus == TagStatus.Any))
            {
                throw new PolicyTextException("Rule for tagStatus=ANY must have the lowest priority per storage class");
            }

            var tagged = ofClass.Where(rule => rule.TagStatus == TagStatus.Tagged).ToList();
            if (tagged.Select(KeyOf).Distinct(StringComparer.Ordinal).Count() != tagged.Count)
            {
                throw new PolicyTextException("Each rule must have a unique set of tag prefixes or tag patterns per storage class.");
            }
        }
    }

    private static string KeyOf(LifecycleRule rule) =>
        string.Join('\n', rule.Tags.Select(tag => (tag.IsPrefix ? "prefix " : "pattern ") + tag.Text).Distinct().Order(StringComparer.Ordinal));
}
