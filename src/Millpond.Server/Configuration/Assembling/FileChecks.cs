using Millpond.Server.Configuration.Values;

namespace Millpond.Server.Configuration.Assembling;

/// <summary>Whether files that keys name are there. Asked of the values that hold in the end, not of those another source has replaced.</summary>
internal readonly struct FileChecks(List<ConfigurationMistake> mistakes)
{
    public void Readable(Settings section, ConfigurationKey<string?> key)
    {
        if (section.Get(key) is not { } path)
        {
            return;
        }

        try
        {
            using var opened = File.OpenRead(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            var why = failure is FileNotFoundException or DirectoryNotFoundException ? "does not exist" : "cannot be read";
            mistakes.Add(section.OriginOf(key).Mistake($"The file {KeyType.Quote(path)} {why}", "Make it readable for this user, or name another"));
        }
    }

    /// <summary>A certificate and its key: both or none, and readable.</summary>
    public void Pair(Settings section, ConfigurationKey<string?> certificate, ConfigurationKey<string?> key)
    {
        if (section.IsGiven(certificate) != section.IsGiven(key))
        {
            var missing = section.IsGiven(certificate) ? key : certificate;
            var present = section.IsGiven(certificate) ? certificate : key;
            var origin = section.OriginOf(missing) with { Line = section.OriginOf(present).Line };
            mistakes.Add(origin.Mistake($"It is missing beside '{present.Path}'", "Give the certificate and its key together"));
        }

        Readable(section, certificate);
        Readable(section, key);
    }
}
