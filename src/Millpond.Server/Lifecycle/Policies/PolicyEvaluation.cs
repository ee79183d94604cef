using Millpond.Server.Catalog.Expiry;

namespace Millpond.Server.Lifecycle.Policies;

/// <summary>An image that a rule has chosen.</summary>
public readonly record struct Mark(LifecycleImage Image, LifecycleRule Rule);

/// <summary>
/// Which images of a repository a policy expires or archives: a pure function of both and the time. All rules are evaluated at once and applied by
/// priority: an image that a rule selects, whether it goes or stays by it, is no other rule's any more, but still counts there.
/// </summary>
public static class PolicyEvaluation
{
    private const long MillisecondsPerDay = 24L * 60 * 60 * 1000;

    /// <summary>Longer than any clock has run: so many days, and more, never pass.</summary>
    private const long MostDays = 10_000_000;

    /// <param name="images">Of two that are equally old the later one counts as the newer.</param>
    /// <returns>The oldest first.</returns>
    public static IReadOnlyList<Mark> Evaluate(LifecyclePolicy policy, IReadOnlyList<LifecycleImage> images, DateTimeOffset now)
    {
        var newestFirst = Rank(images);
        var claimed = new bool[newestFirst.Length];
        var chosen = new LifecycleRule?[newestFirst.Length];
        var at = now.ToUnixTimeMilliseconds();
        foreach (var rule in policy.Rules)
        {
            var selected = 0L;
            for (var i = 0; i < newestFirst.Length; i++)
            {
                var image = images[newestFirst[i]];
                if (!Selects(rule, image))
                {
                    continue;
                }

                selected++;
                if (claimed[i])
                {
                    continue;
                }

                claimed[i] = true;
                if (rule.CountType == CountType.ImageCountMoreThan ? selected > rule.CountNumber : at - CountedFrom(rule.CountType, image) > Span(rule))
                {
                    chosen[i] = rule;
                }
            }
        }

        var marks = new List<Mark>();
        for (var i = newestFirst.Length - 1; i >= 0; i--)
        {
            if (chosen[i] is { } rule)
            {
                marks.Add(new(images[newestFirst[i]], rule));
            }
        }

        return marks;
    }

    /// <summary>Since when a rule counts an image's days, in milliseconds.</summary>
    public static long CountedFrom(CountType type, LifecycleImage image) => type switch
    {
        CountType.SinceImageTransitioned => image.ArchivedAt,
        CountType.SinceImagePulled => image.PulledAt > Math.Max(image.PushedAt, image.ActivatedAt) ? image.PulledAt : Math.Max(image.PushedAt, image.ActivatedAt),
        CountType.SinceImagePushed => image.ActivatedAt > 0 ? image.ActivatedAt : image.PushedAt,
        CountType.ImageCountMoreThan => image.PushedAt,
    };

    private static long Span(LifecycleRule rule) => Math.Min(rule.CountNumber, MostDays) * MillisecondsPerDay;

    /// <summary>Those that a rule may choose, by push time. What a list names goes after the list, and what speaks of an image here goes with it.</summary>
    private static int[] Rank(IReadOnlyList<LifecycleImage> images)
    {
        var count = 0;
        var ranked = new int[images.Count];
        for (var i = 0; i < images.Count; i++)
        {
            if (!images[i].IsListed && !images[i].Follows)
            {
                ranked[count++] = i;
            }
        }

        Array.Resize(ref ranked, count);
        Array.Sort(ranked, (one, other) =>
        {
            var byTime = images[other].PushedAt.CompareTo(images[one].PushedAt);
            return byTime != 0 ? byTime : other.CompareTo(one);
        });
        return ranked;
    }

    private static bool Selects(LifecycleRule rule, LifecycleImage image)
    {
        if (image.IsArchived != rule.OfArchive)
        {
            return false;
        }

        return rule.TagStatus switch
        {
            TagStatus.Any => true,
            TagStatus.Untagged => image.Tags.Count == 0,
            TagStatus.Tagged => HasAll(rule, image.Tags),
        };
    }

    private static bool HasAll(LifecycleRule rule, IReadOnlyList<string> tags)
    {
        foreach (var pattern in rule.Tags)
        {
            var has = false;
            for (var i = 0; i < tags.Count && !has; i++)
            {
                has = pattern.Matches(tags[i]);
            }

            if (!has)
            {
                return false;
            }
        }

        return true;
    }
}
