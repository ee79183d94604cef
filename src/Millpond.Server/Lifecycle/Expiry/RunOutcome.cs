namespace Millpond.Server.Lifecycle.Expiry;

/// <summary>What a policy's run over one repository came to.</summary>
/// <param name="Expired">Images that left it.</param>
/// <param name="Archived">Images that were archived.</param>
/// <param name="Held">Images that the availability guard keeps.</param>
/// <param name="Left">Images that the run did not come to, or that changed meanwhile: the next one looks at them.</param>
public readonly record struct RunOutcome(int Expired, int Archived, int Held, int Left)
{
    public static RunOutcome operator +(RunOutcome one, RunOutcome other) =>
        new(one.Expired + other.Expired, one.Archived + other.Archived, one.Held + other.Held, one.Left + other.Left);
}
