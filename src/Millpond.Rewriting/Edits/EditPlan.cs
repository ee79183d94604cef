using Millpond.Rewriting.Places;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Edits;

/// <summary>
/// Makes the edits of a document from its places. A text that several places share is edited only when all of them want the same;
/// else everything that depends on it stays, because half of a reference would name something that does not exist.
/// </summary>
internal static class EditPlan
{
    public static List<PlaceOutcome> Make(IReadOnlyList<Place> places, ReferenceChanges changes)
    {
        var wishes = places.Select(place => Wish.Of(place, changes)).ToList();
        if (wishes.Count > 1)
        {
            DropConflicts(wishes);
        }

        return wishes.ConvertAll(wish => wish.ToOutcome());
    }

    /// <summary>All edits in the order of the document, each once.</summary>
    public static List<Edit> Edits(IEnumerable<PlaceOutcome> outcomes)
    {
        var edits = new List<Edit>();
        var end = 0;
        foreach (var edit in outcomes.SelectMany(outcome => outcome.Edits).Distinct().OrderBy(edit => edit.Offset))
        {
            // Places never overlap by their making; should two, the first stands and the other stays as it was.
            if (edit.Offset >= end)
            {
                edits.Add(edit);
                end = edit.Offset + edit.Length;
            }
        }

        return edits;
    }

    // What is dropped for one text may leave another text half wanted, so this goes on until nothing changes.
    private static void DropConflicts(List<Wish> wishes)
    {
        bool dropped;
        do
        {
            dropped = false;
            var conflicts = wishes
                .SelectMany(wish => wish.Texts)
                .GroupBy(text => text.Offset)
                .Where(texts => texts.Select(text => text.Replacement).Distinct().Count() > 1)
                .Select(texts => texts.Key)
                .ToHashSet();
            foreach (var wish in wishes)
            {
                if (wish.IsWanted && wish.Texts.Any(text => conflicts.Contains(text.Offset)))
                {
                    wish.Drop();
                    dropped = true;
                }
            }
        }
        while (dropped);
    }
}
