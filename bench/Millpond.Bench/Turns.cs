namespace Millpond.Bench;

/// <summary>In what order those who are measured come.</summary>
internal static class Turns
{
    /// <summary>Another first one each round: who comes after a rest of the machine has it easier.</summary>
    public static IEnumerable<T> InTurn<T>(this IReadOnlyList<T> all, int round) => all.Skip(round % all.Count).Concat(all.Take(round % all.Count));
}
