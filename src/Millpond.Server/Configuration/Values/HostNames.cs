namespace Millpond.Server.Configuration.Values;

/// <summary>Whether a URL's host can be looked up at all. .NET makes a URL of more than that, and throws when its host is asked for.</summary>
internal static class HostNames
{
    public static bool IsValid(Uri url)
    {
        try
        {
            return url.IdnHost.Length > 0;
        }
        catch (UriFormatException)
        {
            return false;
        }
    }
}
