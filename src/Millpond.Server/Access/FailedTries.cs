using System.Net;
using System.Net.Sockets;
using Millpond.Server.Bounded;

namespace Millpond.Server.Access;

/// <summary>
/// Bounds how often passwords are guessed: so many wrong ones a minute from an address and so many for a name, and no more are looked at
/// before the minute is over. A try counts from its beginning, so that a thousand at once are no more than a thousand in a row, and is taken
/// back where it was right. Whoever was let in before, from the same address with the same password, is not asked again, so that a stranger's
/// guesses lock nobody out who is at work; but that tells a guesser at the same address which guess is right, and so it ends where an address is
/// crowded with guesses.
/// </summary>
internal sealed class FailedTries(TimeProvider time)
{
    private const int MostOfAnAddress = 20;
    private const int MostForAName = 40;
    private const int MostRemembered = 50_000;

    /// <summary>Guesses of an address that were not looked at, in a minute, after which it is crowded.</summary>
    private const int MostUnseen = 200;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly GenerationCache<string, Count> counts = new(MostRemembered, _ => 1);

    /// <summary>How long to wait before another try is looked at; null for not at all.</summary>
    public TimeSpan? Begin(string address, string name)
    {
        if (Take($"a {address}", MostOfAnAddress) is { } wait)
        {
            Take($"u {address}", int.MaxValue);
            return wait;
        }

        if (Take($"n {name}", MostForAName) is { } other)
        {
            GiveBack($"a {address}");
            Take($"u {address}", int.MaxValue);
            return other;
        }

        return null;
    }

    /// <summary>How long an address is crowded yet: so many guesses came from there that none may be answered differently; null for not at all.</summary>
    public TimeSpan? FindCrowd(string address)
    {
        if (!counts.TryGet($"u {address}", out var count))
        {
            return null;
        }

        lock (count)
        {
            return count.Tries >= MostUnseen && Window - time.GetElapsedTime(count.Since) is var left && left > TimeSpan.Zero ? left : null;
        }
    }

    /// <summary>It was right, or not looked at.</summary>
    public void TakeBack(string address, string name)
    {
        GiveBack($"a {address}");
        GiveBack($"n {name}");
    }

    /// <summary>What counts as one address: of IPv6 the network of 64 bits, of which everybody has a whole one.</summary>
    public static string SourceOf(IPAddress? address)
    {
        if (address is not { AddressFamily: AddressFamily.InterNetworkV6 })
        {
            return address?.ToString() ?? "";
        }

        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4().ToString() : new IPAddress([.. address.GetAddressBytes().AsSpan(0, 8), .. new byte[8]]).ToString();
    }

    private TimeSpan? Take(string key, int most)
    {
        var count = counts.TryGet(key, out var held) ? held : counts.Add(key, new Count { Since = time.GetTimestamp() });
        lock (count)
        {
            var left = Window - time.GetElapsedTime(count.Since);
            if (left <= TimeSpan.Zero)
            {
                (count.Since, count.Tries) = (time.GetTimestamp(), 0);
            }
            else if (count.Tries >= most)
            {
                return left;
            }

            count.Tries++;
            return null;
        }
    }

    private void GiveBack(string key)
    {
        if (counts.TryGet(key, out var count))
        {
            lock (count)
            {
                count.Tries = Math.Max(0, count.Tries - 1);
            }
        }
    }

    private sealed class Count
    {
        public long Since { get; set; }

        public int Tries { get; set; }
    }
}
