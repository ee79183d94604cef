namespace Millpond.Server.Admission;

/// <summary>The authority that an earlier start made cannot be read; the message says what to do.</summary>
public sealed class AuthorityUnusableException(string message, Exception inner) : Exception(message, inner);
