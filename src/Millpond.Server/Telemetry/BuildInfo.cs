using System.Reflection;
using System.Runtime.InteropServices;

namespace Millpond.Server.Telemetry;

/// <summary>Which build of the program this is.</summary>
public static class BuildInfo
{
    private static readonly string Whole = typeof(BuildInfo).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";

    public static string Version { get; } = Whole.Split('+')[0];

    /// <summary>The commit that was built; empty where the build did not know it.</summary>
    public static string Commit { get; } = Whole.Split('+') is [_, var commit, ..] ? commit : "";

    /// <summary>What it runs on, such as <c>.NET 10.0.1</c>.</summary>
    public static string Framework { get; } = RuntimeInformation.FrameworkDescription;
}
