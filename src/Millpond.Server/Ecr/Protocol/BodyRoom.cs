namespace Millpond.Server.Ecr.Protocol;

/// <summary>
/// The memory that bodies of calls take while they come and are worked on. A key's id alone, which is no secret, is enough to send one: so until
/// its signature was found good, what comes from one address takes a part of the room only, and all such together leave some for the others.
/// </summary>
internal sealed class BodyRoom(long most = BodyRoom.Usual)
{
    private const long Usual = 256L * 1024 * 1024;

    private readonly Lock gate = new();
    private readonly Dictionary<string, long> unproven = new(StringComparer.Ordinal);
    private long taken;
    private long unprovenTaken;

    /// <summary>What a body takes; false where there is no room for it now. <see cref="Stay"/> gives it back in any case.</summary>
    public bool TryTake(Stay stay, int bytes)
    {
        lock (gate)
        {
            var ofSource = unproven.GetValueOrDefault(stay.Source) + bytes;
            if (taken + bytes > most || unprovenTaken + bytes > most / 4 * 3 || ofSource > most / 4)
            {
                return false;
            }

            (taken, unprovenTaken, unproven[stay.Source]) = (taken + bytes, unprovenTaken + bytes, ofSource);
            stay.Bytes += bytes;
            return true;
        }
    }

    /// <summary>The signature is good: it counts for the whole alone.</summary>
    public void Prove(Stay stay)
    {
        lock (gate)
        {
            TakeFromSource(stay);
            stay.IsProven = true;
        }
    }

    public void Leave(Stay stay)
    {
        lock (gate)
        {
            if (!stay.IsProven)
            {
                TakeFromSource(stay);
            }

            taken -= stay.Bytes;
            stay.Bytes = 0;
        }
    }

    private void TakeFromSource(Stay stay)
    {
        if (stay.Bytes == 0)
        {
            return;
        }

        unprovenTaken -= stay.Bytes;
        var left = unproven[stay.Source] - stay.Bytes;
        if (left > 0)
        {
            unproven[stay.Source] = left;
        }
        else
        {
            unproven.Remove(stay.Source);
        }
    }

    /// <summary>One body's share.</summary>
    /// <param name="source">The address that it comes from.</param>
    public sealed class Stay(string source)
    {
        public string Source => source;

        public long Bytes { get; set; }

        public bool IsProven { get; set; }
    }
}
