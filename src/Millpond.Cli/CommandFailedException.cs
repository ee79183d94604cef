namespace Millpond.Cli;

/// <summary>A verb cannot do what it was asked; the message says why and what to do, and is all that the user sees.</summary>
internal sealed class CommandFailedException(string message, Exception? inner = null) : Exception(message, inner);
