namespace Millpond.Server.Catalog.Control;

/// <summary>Times as the catalog keeps them.</summary>
internal static class Times
{
    public static DateTimeOffset Of(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    public static long Of(DateTimeOffset time) => time.ToUnixTimeMilliseconds();
}
