namespace Millpond.Server.Credentials;

/// <summary>A configured credential is not there or is malformed. The message is for people and holds nothing secret.</summary>
public sealed class CredentialUnreadableException(string message) : Exception(message);
