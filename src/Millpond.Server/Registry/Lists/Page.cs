using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Millpond.Server.Registry.Lists;

/// <summary>Which page of a list is asked for: at most <see cref="Limit"/> entries after <see cref="Last"/>.</summary>
internal readonly record struct Page(int Limit, string? Last)
{
    /// <summary>The longest page, and the one a client gets who does not say; more is clamped, not refused.</summary>
    private const int MaxLimit = 1000;

    /// <summary>False where <c>n</c> is not a number, zero or more.</summary>
    public static bool TryRead(IQueryCollection query, out Page page)
    {
        var n = query["n"].ToString();
        var last = query["last"].ToString();
        page = new(MaxLimit, last.Length == 0 ? null : last);
        if (n.Length == 0)
        {
            return true;
        }

        if (n.AsSpan().ContainsAnyExceptInRange('0', '9'))
        {
            return false;
        }

        // More digits than an int holds mean more entries than a page has.
        var limit = int.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? Math.Min(number, MaxLimit) : MaxLimit;
        page = page with { Limit = limit };
        return true;
    }

    /// <summary>Names the next page as the client named this one: same path, same <c>ns</c>, same filter.</summary>
    public void SetLink(HttpContext context, string linkRoot, string lastEntry)
    {
        var request = context.Request;
        var suffix = Kept(request.Query, "ns") + Kept(request.Query, "artifactType");
        var limit = Limit.ToString(CultureInfo.InvariantCulture);
        context.Response.Headers.Link = $"<{linkRoot}{request.Path.Value}?last={Uri.EscapeDataString(lastEntry)}&n={limit}{suffix}>; rel=\"next\"";
    }

    private static string Kept(IQueryCollection query, string name) =>
        query[name].ToString() is { Length: > 0 } value ? $"&{name}={Uri.EscapeDataString(value)}" : "";
}
