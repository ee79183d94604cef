namespace Millpond.Server.Operations;

/// <summary>There is no certificate for https listeners, and the server does not start. The message says which file, why, and what to do.</summary>
public sealed class CertificateException(string what, string remedy, Exception? cause = null) : Exception($"{what}. {remedy}.", cause)
{
    /// <summary>What to do about it.</summary>
    public string Remedy { get; } = remedy;
}
