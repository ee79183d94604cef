using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Millpond.Server.Catalog.Control;

namespace Millpond.Server.Registry.Lists;

/// <summary>
/// Where a list of repositories goes on, in a form that only this server reads: the name that it stopped at may be one that the client may not know.
/// </summary>
public sealed class CatalogCursor(KeyRing ring)
{
    /// <summary>No repository's name begins so.</summary>
    private const char Mark = '~';

    private const int Longest = 1024;
    private const string Purpose = "catalog-cursor";

    public string Make(string name) => Mark + Base64Url.EncodeToString(ring.Seal(Purpose, Encoding.UTF8.GetBytes(name)));

    /// <summary>The name after which to go on: a cursor's, or what the client wrote itself. A cursor that is none begins anew.</summary>
    public string? Read(string? last)
    {
        if (last is null || !last.StartsWith(Mark))
        {
            return last;
        }

        try
        {
            return last.Length <= Longest ? Encoding.UTF8.GetString(ring.Open(Purpose, Base64Url.DecodeFromChars(last.AsSpan(1)))) : null;
        }
        catch (Exception failure) when (failure is KeyUnusableException or FormatException or CryptographicException)
        {
            return null;
        }
    }
}
