namespace Millpond.Tests.Fixtures;

/// <summary>How long a test waits for what must happen anyway; only a failing test ever waits that long.</summary>
public static class Patience
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
}
