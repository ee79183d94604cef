namespace Millpond.Server;

/// <summary>The server cannot start; the message is one line that says what is wrong and what to do.</summary>
public sealed class ServerStartException(string message, Exception? cause) : Exception(message, cause);
