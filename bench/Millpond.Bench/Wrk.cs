using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Millpond.Bench;

/// <summary>What a load was answered with.</summary>
/// <param name="Rate">Answers per second.</param>
/// <param name="Tail">The 99th percentile of their times.</param>
internal readonly record struct Load(double Rate, TimeSpan Tail);

/// <summary>wrk, one thread of it: the load from many connections at once.</summary>
internal static partial class Wrk
{
    /// <summary>Lua that says the 99th percentile; wrk's own words for it are rounded.</summary>
    public const string Done = """
        function done(summary, latency)
          io.write(string.format("p99 %d us\n", latency:percentile(99)))
        end
        """;

    /// <param name="script">A file that ends with <see cref="Done"/>.</param>
    /// <param name="rest">More of wrk's arguments: the address, and what follows it.</param>
    /// <exception cref="InvalidOperationException">An answer was no success, or a connection failed.</exception>
    public static async Task<Load> RunAsync(int connections, int seconds, string script, IEnumerable<string> rest, CancellationToken cancellationToken)
    {
        string[] arguments = ["-t1", $"-c{connections}", $"-d{seconds}s", "-s", script, .. rest];
        using var wrk = Process.Start(new ProcessStartInfo("wrk", arguments) { RedirectStandardOutput = true })!;
        var output = await wrk.StandardOutput.ReadToEndAsync(cancellationToken);
        await wrk.WaitForExitAsync(cancellationToken);
        var (rate, tail) = (Rate().Match(output), Tail().Match(output));
        if (!rate.Success || !tail.Success || output.Contains("Non-2xx", StringComparison.Ordinal) || output.Contains("Socket errors", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"wrk {string.Join(' ', arguments)} failed:\n{output}");
        }

        return new Load(
            double.Parse(rate.Groups[1].Value, CultureInfo.InvariantCulture),
            TimeSpan.FromMicroseconds(double.Parse(tail.Groups[1].Value, CultureInfo.InvariantCulture)));
    }

    [GeneratedRegex(@"Requests/sec:\s+([0-9.]+)")]
    private static partial Regex Rate();

    [GeneratedRegex("p99 ([0-9]+) us")]
    private static partial Regex Tail();
}
