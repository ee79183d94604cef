namespace Millpond.Server.Registry.Callers;

/// <summary>Through which listener a request came.</summary>
/// <param name="Rule">The prefix of the rule that the whole listener is for, or null.</param>
/// <param name="IsLoopback">Whether only this machine reaches it.</param>
public readonly record struct Door(string? Rule, bool IsLoopback);
