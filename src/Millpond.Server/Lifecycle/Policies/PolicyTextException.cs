namespace Millpond.Server.Lifecycle.Policies;

/// <summary>Ends the reading of a policy's text; the message is the detail as AWS words it.</summary>
public sealed class PolicyTextException(string message) : Exception(message);
