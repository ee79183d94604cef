using Millpond.Rewriting.Places;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Edits;

/// <summary>What one place wants changed, before it is known whether all of it can be had.</summary>
internal sealed class Wish
{
    private readonly Place place;
    private readonly ReferenceChange change;
    private Obstacle? obstacle;
    private string? inserted;

    private Wish(Place place, ReferenceChange change, Obstacle? obstacle)
    {
        this.place = place;
        this.change = change;
        this.obstacle = obstacle;
    }

    // What a record has changed here it can change back, also where nothing is changed unasked.
    private static Obstacle? ObstacleOf(Place place, ReferenceChanges changes) =>
        place.Obstacle is { } obstacle && obstacle.YieldsToEverywhere() && changes.Remembers(place) ? null : place.Obstacle;

    /// <summary>The texts the place depends on, with what they should say; null for as they are.</summary>
    public List<(int Offset, EditableText Text, string? Replacement)> Texts { get; private set; } = [];

    public bool IsWanted => Texts.Exists(text => text.Replacement is not null);

    public static Wish Of(Place place, ReferenceChanges changes)
    {
        var wish = new Wish(place, changes.Of(place), ObstacleOf(place, changes));
        wish.Compose();
        return wish;
    }

    /// <summary>Gives up: a text is needed by others as it is.</summary>
    public void Drop()
    {
        Texts = Texts.ConvertAll(text => (text.Offset, text.Text, (string?)null));
        obstacle = Obstacle.SharedKey;
    }

    public PlaceOutcome ToOutcome()
    {
        var edits = new List<Edit>();
        if (place.Insertion is { } insertion && obstacle is null && (insertion.IsRegistry ? inserted : change.Replacement) is { } name)
        {
            if (insertion.IsRegistry && !PlainScalars.CanSay(name))
            {
                return new PlaceOutcome(place, change, Obstacle.Unwritable, []);
            }

            edits.Add(new Edit(insertion.Offset, 0, $"{insertion.Before}{name}{insertion.After}"));
        }

        foreach (var (_, text, replacement) in Texts)
        {
            if (replacement is null)
            {
                continue;
            }

            if (text.Replace(replacement) is not { } edit)
            {
                return new PlaceOutcome(place, change, Obstacle.Unwritable, []);
            }

            edits.Add(edit);
        }

        return new PlaceOutcome(place, change, obstacle, edits);
    }

    private void Compose()
    {
        var wanted = obstacle is null && change.Replacement is not null;
        if (place.Registry is null && place.Insertion is not { IsRegistry: true })
        {
            Want(place.Text, wanted ? change.Replacement : null);
            return;
        }

        if (!wanted || !TrySplit(out var registry, out var repository))
        {
            Want(place.Registry, null);
            Want(place.Text, null);
            return;
        }

        inserted = registry;
        Want(place.Registry, registry == place.Registry?.Text ? null : registry);
        Want(place.Text, repository == place.Repository ? null : repository);
    }

    // A registry key that already held a path keeps the part of it that is the repository's: quay.io/jetstack → …/quay/jetstack.
    private bool TrySplit(out string registry, out string repository)
    {
        registry = change.Registry!;
        repository = change.Repository!;
        var end = "/" + place.Repository;
        if (place.Name.AsSpan(0, place.Name.Length - end.Length).Contains('/')
            && Spelt(change).EndsWith(end, StringComparison.Ordinal))
        {
            registry = Spelt(change)[..^end.Length];
            repository = place.Repository!;
        }

        // Where the repository is put together from several keys only the registry can be edited.
        if (place.Text is null && repository != place.Repository)
        {
            obstacle = Obstacle.Unwritable;
            return false;
        }

        return true;
    }

    private static string Spelt(ReferenceChange change) => $"{change.Registry}/{change.Repository}";

    private void Want(EditableText? text, string? replacement)
    {
        if (text is not null)
        {
            Texts.Add((text.Offset, text, replacement));
        }
    }
}
