namespace Millpond.Server.Credentials;

/// <summary>What an upstream is asked with. <see cref="Version"/> changes whenever the credential does, and reveals nothing of it.</summary>
public sealed record UpstreamCredential(string Username, string AccessToken, string Version)
{
    /// <summary>Without the secret, so that no log line can hold it.</summary>
    public override string ToString() => $"{Username} (version {Version})";
}
