namespace Millpond.Server.Operations;

/// <summary>What there is beside the registry, as <c>GET /-/</c> lists it and as requests find it.</summary>
internal static class EndpointList
{
    public const string Here = "/-/";
    public const string Healthy = "/healthz";
    public const string Ready = "/readyz";
    public const string Metrics = "/metrics";
    public const string Rules = "/-/rules";
    public const string Upstreams = "/-/upstreams";
    public const string Cost = "/-/cost";

    public static IReadOnlyList<(string Path, string What)> All { get; } =
    [
        (Here, "this list"),
        (Healthy, "200 as long as the process answers"),
        (Ready, "200 when pulls can be answered from here, else what is wrong"),
        (Metrics, "what was counted and measured, for Prometheus"),
        (Rules, "what is pulled under which prefix, and what is not set up (JSON)"),
        (Upstreams, "how each upstream does, and what is left of its limits (JSON)"),
        (Cost, "what is stored, asked and saved, and what that costs here and would cost on ECR (JSON)"),
    ];

    public static void Write(Page page)
    {
        page.Heading("What this server says of itself");
        page.Table(All, areLinks: true);
    }
}
