namespace Millpond.Server.Upstream.Transport;

/// <summary>
/// Where a text may hold a piece of any of many secrets: everywhere where it does, and seldom where it does not. To look for the pieces of 64
/// tokens themselves takes some milliseconds; nearly all texts hold none.
/// </summary>
internal sealed class PieceFilter(int piece)
{
    /// <summary>Half a megabyte: 64 tokens of 2.5 KB set a tenth of it, and one place of a text in a thousand is then taken for a piece.</summary>
    private const int Bits = 1 << 22;

    private const ulong Base = 0x9E3779B97F4A7C15;

    /// <summary>What the character that leaves the piece was multiplied with.</summary>
    private readonly ulong oldest = Power(piece - 1);
    private ulong[] set = [];

    public void Add(string secret)
    {
        if (set.Length == 0 && secret.Length >= piece)
        {
            set = new ulong[Bits / 64];
        }

        foreach (var hash in new Pieces(secret, piece, oldest))
        {
            Set(hash);
            Set(hash >> 21);
            Set(hash >> 42);
        }
    }

    /// <summary>The places where a piece may stand, as many as there is room for.</summary>
    public int Find(string text, Span<int> places)
    {
        if (set.Length == 0)
        {
            return 0;
        }

        var (at, count) = (0, 0);
        foreach (var hash in new Pieces(text, piece, oldest))
        {
            if (IsSet(hash) && IsSet(hash >> 21) && IsSet(hash >> 42))
            {
                places[count++] = at;
                if (count == places.Length)
                {
                    break;
                }
            }

            at++;
        }

        return count;
    }

    private static ulong Power(int exponent)
    {
        var power = 1UL;
        for (var i = 0; i < exponent; i++)
        {
            power *= Base;
        }

        return power;
    }

    private void Set(ulong hash) => set[(hash % Bits) / 64] |= 1UL << (int)(hash % 64);

    private bool IsSet(ulong hash) => (set[(hash % Bits) / 64] & 1UL << (int)(hash % 64)) != 0;

    /// <summary>The hashes of all pieces of a text, each made of the one before.</summary>
    private ref struct Pieces(string text, int piece, ulong oldest)
    {
        private int next;
        private ulong sum;

        public readonly ulong Current
        {
            get
            {
                // The sum's low bits depend on few of the characters.
                var mixed = (sum ^ (sum >> 32)) * 0xD6E8FEB86659FD93;
                return mixed ^ (mixed >> 32);
            }
        }

        public readonly Pieces GetEnumerator() => this;

        public bool MoveNext()
        {
            do
            {
                if (next == text.Length)
                {
                    return false;
                }

                sum = ((next >= piece ? sum - (text[next - piece] * oldest) : sum) * Base) + text[next];
                next++;
            }
            while (next < piece);
            return true;
        }
    }
}
