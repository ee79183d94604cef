namespace Millpond.Bench;

/// <summary>What was promised of a ratio.</summary>
/// <param name="Against">Whose value divides ours; null where the value is a ratio, or an absolute, by itself.</param>
/// <param name="AtLeast">Whether more is better.</param>
internal sealed record Bound(string Name, Work Work, string? Against, bool AtLeast, double Limit)
{
    public static IReadOnlyList<Bound> All { get; } =
    [
        new("warm manifest requests/s ÷ docker-registry", Work.WarmManifestRate, Contender.DockerRegistry, AtLeast: true, 50),
        new("warm manifest requests/s ÷ nginx proxy_cache", Work.WarmManifestRate, Contender.Nginx, AtLeast: true, 1),
        new("warm manifest requests/s ÷ nginx with slices", Work.WarmManifestRate, Contender.Slices, AtLeast: true, 1),
        new("warm manifest requests/s ÷ varnish", Work.WarmManifestRate, Contender.Varnish, AtLeast: true, 1),
        new("warm manifest by digest ÷ nginx proxy_cache", Work.DigestManifestRate, Contender.Nginx, AtLeast: true, 1),
        new("warm manifest by digest ÷ varnish", Work.DigestManifestRate, Contender.Varnish, AtLeast: true, 1),
        new("warm manifest by digest, p99 ÷ nginx proxy_cache", Work.DigestManifestTail, Contender.Nginx, AtLeast: false, 1),
        new("warm manifest, 256 connections ÷ nginx proxy_cache", Work.ManyManifestRate, Contender.Nginx, AtLeast: true, 1),
        new("warm manifest, 256 connections ÷ varnish", Work.ManyManifestRate, Contender.Varnish, AtLeast: true, 1),
        new("warm manifest, 256 connections, p99 ÷ nginx proxy_cache", Work.ManyManifestTail, Contender.Nginx, AtLeast: false, 1),
        new("warm blobs of 64 KiB ÷ nginx proxy_cache", Work.SmallBlobRate, Contender.Nginx, AtLeast: true, 0.9),
        new("warm blob CPU s/GB ÷ nginx proxy_cache", Work.WarmBlobCpu, Contender.Nginx, AtLeast: false, 0.92),
        new("warm blob over TLS CPU s/GB ÷ nginx over TLS", Work.TlsBlobCpu, Contender.Nginx, AtLeast: false, 1.2),
        new("start to the first answer ÷ varnish", Work.StartTime, Contender.Varnish, AtLeast: false, 0.4),
        new("start to the first answer, s", Work.StartTime, null, AtLeast: false, 0.25),
        new("start with 100,000 images, s", Work.FullStartTime, null, AtLeast: false, 0.4),
        new("first byte of a fresh process ÷ straight", Work.FreshFirstByte, Report.Straight, AtLeast: false, 8),
        new("memory of a fresh process, MB", Work.MemoryIdle, null, AtLeast: false, 90),
        new("memory after the warm rows, MB", Work.MemoryAfter, null, AtLeast: false, 150),
        new("cold time ÷ straight from upstream", Work.ColdTime, Report.Straight, AtLeast: false, 1.02),
        new("cold first byte ÷ straight from upstream", Work.ColdFirstByte, Report.Straight, AtLeast: false, 2),
        new("cold server CPU s/GB", Work.ColdCpu, null, AtLeast: false, 1.6),

        // Who verifies what it stores has to hash it, which no other but docker-registry does.
        new("cold server CPU s/GB ÷ (nginx proxy_cache + hashing)", Work.ColdCpu, Report.NginxHashing, AtLeast: false, 1.1),
        new("many cold clients: upstream bytes ÷ blob size", Work.ManyUpstream, null, AtLeast: false, 1.001),
        new("many cold clients: slowest first byte ÷ whole time", Work.ManyFirstByte, null, AtLeast: false, 0.05),
        new("warm p99 with a black-holed upstream ÷ before", Work.OutageTailRatio, null, AtLeast: false, 1.2),
        new("first answer of a tag that is due, black-holed, s", Work.OutageFirst, null, AtLeast: false, 5.5),
        new("pushing 1 GiB, time ÷ docker-registry", Work.PushTime, Contender.DockerRegistry, AtLeast: false, 1),
        new("warm manifest requests/s with a token ÷ without", Work.TokenManifestRatio, null, AtLeast: true, 0.8),
        new("collection: pulls while it runs ÷ without", Work.CollectionRatio, null, AtLeast: true, 0.8),

        // The empty endpoint does not even read JSON, which is half of what a review costs.
        new("review requests/s ÷ empty endpoint", Work.ReviewRate, Contender.Empty, AtLeast: true, 0.33),
        new("review p99 ÷ empty endpoint", Work.ReviewTail, Contender.Empty, AtLeast: false, 4),
        new("review of 1 MB requests/s ÷ empty endpoint", Work.LargeReviewRate, Contender.Empty, AtLeast: true, 0.33),
        new("review of 1 MB p99 ÷ empty endpoint", Work.LargeReviewTail, Contender.Empty, AtLeast: false, 4),
        // 30 for each of two cores.
        new("rewriting MB/s", Work.RewriteSpeed, null, AtLeast: true, 60),
        new("rewriting MB/s ÷ yq", Work.RewriteSpeed, Rewrites.Yq, AtLeast: true, 10),
        new("wrong answers to 64 callers", Work.ReviewMistakes, null, AtLeast: false, 0),
    ];

    /// <summary>What a change may cost beside the program before it, where <c>--before</c> names one: noise of one run, no more.</summary>
    public static IReadOnlyList<Bound> Regressions { get; } =
    [
        new("warm manifest requests/s", Work.WarmManifestRate, Contender.Before, AtLeast: true, 0.95),
        new("warm blob CPU s/GB", Work.WarmBlobCpu, Contender.Before, AtLeast: false, 1.1),
        new("cold time", Work.ColdTime, Contender.Before, AtLeast: false, 1.02),
        new("cold first byte", Work.LayerFirstByte, Contender.Before, AtLeast: false, 1.25),
        new("cold server CPU s/GB", Work.ColdCpu, Contender.Before, AtLeast: false, 1.1),
        new("many cold clients: upstream bytes", Work.ManyUpstream, Contender.Before, AtLeast: false, 1.001),
        new("many cold clients: whole time", Work.ManyTime, Contender.Before, AtLeast: false, 1.1),
        new("review requests/s", Work.ReviewRate, Contender.Before, AtLeast: true, 0.95),
        new("review of 1 MB requests/s", Work.LargeReviewRate, Contender.Before, AtLeast: true, 0.95),
    ];

    public string Sign => AtLeast ? "≥" : "≤";

    public bool IsMet(double ratio) => AtLeast ? ratio >= Limit : ratio <= Limit;
}
