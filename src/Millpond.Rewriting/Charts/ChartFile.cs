namespace Millpond.Rewriting.Charts;

/// <summary>A file of a chart.</summary>
/// <param name="Path">Within the chart's folder, with slashes.</param>
public sealed record ChartFile(string Path, ReadOnlyMemory<byte> Bytes);
