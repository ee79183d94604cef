namespace Millpond.Cli.Warming;

/// <param name="Parallel">Requests at once.</param>
/// <param name="MaxWait">How long to wait in all for an upstream that throttles or is down.</param>
/// <param name="State">The journal's file; null for none.</param>
internal sealed record WarmSettings(PlatformChoice Platforms, int Parallel, TimeSpan MaxWait, string? State);
