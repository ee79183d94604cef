using System.Collections.Immutable;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>The fault matrix: what the upstream does, and what must come of it.</summary>
internal static class FaultRows
{
    private const int Always = int.MaxValue;
    private static readonly TimeSpan PastEveryBound = TimeSpan.FromSeconds(31);
    private static readonly FakeUpstreamOptions Tokens = new() { Authentication = UpstreamAuthentication.Bearer };
    private static readonly FakeUpstreamOptions BlobHost = new() { RedirectBlobs = true };

    public static ImmutableArray<FaultRow> All { get; } = [.. Cuts(), .. WrongBodies(), .. Refusals(), .. StrangeAnswers(), .. Silences(), .. Manifests(), .. Addresses()];

    /// <summary>Rows of the matrix that wait for a part of the program.</summary>
    public static ImmutableArray<(string Row, string Reason)> Waiting { get; } =
    [
        ("kill -9 in each state of a push", "there is no push yet"),
        ("delete during a fill", "there is no delete yet"),
        ("expiry during a fill", "there is no lifecycle yet"),
        ("collection during a fill", "there is no collection yet"),
    ];

    private static IEnumerable<FaultRow> Cuts()
    {
        foreach (var fault in new[]
        {
            UpstreamFault.CutAtStart, UpstreamFault.CutAfterOneByte, UpstreamFault.CutAtHalf, UpstreamFault.CutAtNinetyPercent, UpstreamFault.CutBeforeLastByte,
        })
        {
            yield return new(fault, "once", PulledKind.Blob)
            {
                Arm = run => run.Upstream.Arm(fault, kind: RequestKind.Blob),
                InMidBody = fault is not (UpstreamFault.CutAtStart or UpstreamFault.CutAfterOneByte),
                Status = [200],
                Requests = 2,
            };
            yield return new(fault, "once, of a manifest", PulledKind.Manifest)
            {
                Arm = run => run.Upstream.Arm(fault, kind: RequestKind.Manifest),
                Status = [200],
                Requests = 2,
                Bytes = 2,
                Warm = null,
            };
        }

        yield return new(UpstreamFault.CutAtStart, "each time", PulledKind.Blob)
        {
            Arm = run => run.Upstream.Arm(UpstreamFault.CutAtStart, Always, kind: RequestKind.Blob),
            Status = [502, 504],
            Reason = "broke off at byte 0",
            Requests = 6,
            FewestRequests = 2,
            RequestsOfMany = 12,
            Kept = Kept.Nothing,
        };
        yield return new(UpstreamFault.CutAtHalf, "then no byte more", PulledKind.Blob)
        {
            Arm = run =>
            {
                run.Upstream.Arm(UpstreamFault.CutAtHalf, kind: RequestKind.Blob);
                run.Upstream.Arm(UpstreamFault.CutAtStart, Always, kind: RequestKind.Blob);
            },
            InMidBody = true,
            Status = [200],
            IsBroken = true,
            Requests = 6,
            FewestRequests = 3,
            Kept = Kept.Partial,
        };
    }

    private static IEnumerable<FaultRow> WrongBodies()
    {
        yield return Resumed(UpstreamFault.IgnoresRange, "after a cut at half", requests: 2, bytes: 1.5);
        yield return Resumed(UpstreamFault.WrongRangeStart, "after a cut at half", requests: 3, bytes: 1.51);
        yield return new(UpstreamFault.WrongBytes, "once", PulledKind.Blob)
        {
            Arm = run => run.Upstream.Arm(UpstreamFault.WrongBytes, kind: RequestKind.Blob),
            InMidBody = true,
            Status = [200],
            IsBroken = true,
            Requests = 1,
            Kept = Kept.Nothing,
        };
        yield return Refused(UpstreamFault.EmptyBody, "has");
        yield return Refused(UpstreamFault.ShortContentLength, "has");
        yield return Refused(UpstreamFault.LongContentLength, "has");
        yield return Refused(UpstreamFault.GzipBody, "compressed");
        yield return new(UpstreamFault.NoContentLength, "chunked", PulledKind.Blob)
        {
            Arm = run => run.Upstream.Arm(UpstreamFault.NoContentLength, Always, kind: RequestKind.Blob),
            Status = [200],
            Requests = 1,
        };
        foreach (var fault in new[] { UpstreamFault.WrongBytes, UpstreamFault.EmptyBody, UpstreamFault.GzipBody, UpstreamFault.ShortContentLength })
        {
            yield return new(fault, "of a manifest", PulledKind.Manifest)
            {
                Arm = run => run.Upstream.Arm(fault, Always, kind: RequestKind.Manifest),
                Status = [502],
                Requests = 1,
                RequestsOfMany = 50,
                Bytes = 50,
                Kept = Kept.Nothing,
                Warm = null,
            };
        }
    }

    private static IEnumerable<FaultRow> Refusals()
    {
        yield return Resumed(UpstreamFault.UnauthorizedOnResume, "after a cut at half", requests: 3, bytes: 1) with { Upstream = Tokens };
        yield return new(UpstreamFault.TokenExpires, "between manifest and blob", PulledKind.Blob)
        {
            Upstream = Tokens,
            Arm = run => run.Upstream.Arm(UpstreamFault.TokenExpires),
            Status = [200],
            Requests = 2,
        };
        yield return new(UpstreamFault.ExpiredRedirect, "on resume after a cut at half", PulledKind.Blob)
        {
            Upstream = BlobHost,
            Arm = run => run.Upstream.Arm(UpstreamFault.CutAtHalf, kind: RequestKind.BlobHost),
            InMidBody = true,
            Meanwhile = run =>
            {
                run.Upstream.Arm(UpstreamFault.ExpiredRedirect);
                return Task.CompletedTask;
            },
            Status = [200],
            Requests = 6,
        };
        yield return new(UpstreamFault.ServerError, "once", PulledKind.Blob)
        {
            Arm = run => run.Upstream.Arm(UpstreamFault.ServerError, kind: RequestKind.Blob),
            Status = [200],
            Requests = 2,
        };
        foreach (var (pulled, kind) in new[] { (PulledKind.Blob, RequestKind.Blob), (PulledKind.Manifest, RequestKind.Manifest) })
        {
            yield return new(UpstreamFault.ServerError, $"each time, of a {pulled}", pulled)
            {
                Arm = run => run.Upstream.Arm(UpstreamFault.ServerError, Always, kind: kind),
                Status = [502, 504],
                Reason = "503",
                Requests = 2,
                RequestsOfMany = 12,
                Bytes = 0,
                Kept = Kept.Nothing,
                Warm = pulled == PulledKind.Manifest ? "stale" : "revalidated",
            };
            foreach (var (fault, seconds) in new[] { (UpstreamFault.ThrottledWithRetryAfter, 7), (UpstreamFault.ThrottledWithoutRetryAfter, 30) })
            {
                yield return new(fault, $"each time, of a {pulled}", pulled)
                {
                    Arm = run => run.Upstream.Arm(fault, Always, kind: kind),
                    Status = [429],
                    RetryAfter = seconds,
                    Requests = 1,
                    RequestsOfMany = 50,
                    Bytes = 0,
                    Kept = Kept.Nothing,
                    Warm = pulled == PulledKind.Manifest ? "stale" : "revalidated",
                };
            }
        }
    }

    private static IEnumerable<FaultRow> StrangeAnswers()
    {
        foreach (var (pulled, kind) in new[] { (PulledKind.Blob, RequestKind.Blob), (PulledKind.Manifest, RequestKind.Manifest) })
        {
            foreach (var fault in new[] { UpstreamFault.LatinError, UpstreamFault.SurrogateError, UpstreamFault.HtmlError, UpstreamFault.EmptyError, UpstreamFault.LargeError })
            {
                yield return new(fault, $"each time, of a {pulled}", pulled)
                {
                    Arm = run => run.Upstream.Arm(fault, Always, kind: kind),
                    Status = [502, 504],
                    Reason = "answered 500",
                    Requests = 2,
                    RequestsOfMany = 100,
                    Bytes = 0,
                    Kept = Kept.Nothing,
                    Warm = pulled == PulledKind.Manifest ? "stale" : "revalidated",
                };
            }

            yield return new(UpstreamFault.IngressPage, $"on every path, of a {pulled}", pulled)
            {
                Arm = run => run.Upstream.Arm(UpstreamFault.IngressPage, Always),
                Status = [502, 504],
                Reason = "not as a registry",
                Requests = 1,
                RequestsOfMany = 50,
                Bytes = 0,
                Kept = Kept.Nothing,
                Warm = pulled == PulledKind.Manifest ? "stale" : null,
            };
        }

        yield return new(UpstreamFault.ErrorAsManifest, "each time", PulledKind.Manifest)
        {
            Arm = run => run.Upstream.Arm(UpstreamFault.ErrorAsManifest, Always, kind: RequestKind.Manifest),
            Status = [502, 504],
            Reason = "no manifest",
            Requests = 1,
            RequestsOfMany = 50,
            Bytes = 0,
            Kept = Kept.Nothing,
            Warm = "stale",
        };
    }

    private static IEnumerable<FaultRow> Silences()
    {
        yield return new(UpstreamFault.Stall, "at half", PulledKind.Blob)
        {
            Arm = run => run.Upstream.Arm(UpstreamFault.Stall, kind: RequestKind.Blob),
            InMidBody = true,
            Meanwhile = run => run.AdvanceUntilAskedAgain(PastEveryBound),
            Status = [200],
            Requests = 2,
        };
        yield return new(UpstreamFault.Trickle, "1 KiB/s until given up", PulledKind.Blob)
        {
            Arm = run => run.Upstream.Arm(UpstreamFault.Trickle, kind: RequestKind.Blob),
            Meanwhile = run => run.TrickleUntilAskedAgain(),
            Status = [200],
            Requests = 2,
            Bytes = 1.01,
        };
        foreach (var (pulled, kind) in new[] { (PulledKind.Blob, RequestKind.Blob), (PulledKind.Manifest, RequestKind.Manifest) })
        {
            yield return new(UpstreamFault.BlackHole, $"each time, of a {pulled}", pulled)
            {
                Arm = run => run.Upstream.Arm(UpstreamFault.BlackHole, Always, kind: kind),
                Meanwhile = run => run.AdvanceAtEachRequest(PastEveryBound),
                Status = [504],
                Requests = 1,
                RequestsOfMany = 6,
                Bytes = 0,
                Kept = Kept.Nothing,
                Warm = pulled == PulledKind.Manifest ? "stale" : "revalidated",
            };
        }
    }

    private static IEnumerable<FaultRow> Manifests()
    {
        foreach (var (fault, word) in new[] { (UpstreamFault.LyingDigestHeader, "digest"), (UpstreamFault.ManifestTooLarge, "4 MiB") })
        {
            yield return new(fault, "of a tag's manifest", PulledKind.Manifest)
            {
                Arm = run => run.Upstream.Arm(fault, Always),
                Status = [502],
                Reason = word,
                Requests = 1,
                RequestsOfMany = 50,
                Bytes = 100_000,
                Kept = Kept.Nothing,
                Warm = "stale",
            };
        }

        yield return new(UpstreamFault.MissingChild, "of an index", PulledKind.Child)
        {
            Arm = run => run.Upstream.Arm(UpstreamFault.MissingChild, Always),
            Status = [404],
            Requests = 1,
            Bytes = 0,
            Kept = Kept.Nothing,
        };
        yield return new(UpstreamFault.TagMovesAfterHead, "and again before the GET", PulledKind.Manifest)
        {
            WarmOnly = true,
            Arm = run =>
            {
                run.Upstream.Tag(MatrixRun.UpstreamRepository, MatrixRun.Tag, run.Moved.Digest);
                run.Upstream.MoveTagAfterHead(MatrixRun.UpstreamRepository, MatrixRun.Tag, run.Image.Digest);
            },
            Status = [200],
            Requests = 2,
            Warm = "miss",
        };
    }

    private static IEnumerable<FaultRow> Addresses() =>
    [
        new(UpstreamFault.ConnectionRefused, "nobody listens", PulledKind.Manifest) { Status = [504], Requests = 0, Kept = Kept.Nothing, Warm = "stale" },
        new(UpstreamFault.UnknownHost, "no such host", PulledKind.Manifest) { Status = [504], Requests = 0, Kept = Kept.Nothing, Warm = "stale" },
        new(UpstreamFault.UntrustedCertificate, "an authority nobody knows", PulledKind.Manifest)
        {
            Status = [502], Requests = 0, Kept = Kept.Nothing, Warm = "stale",
        },
    ];

    /// <summary>Goes wrong at the first resume, after a cut.</summary>
    private static FaultRow Resumed(UpstreamFault fault, string story, int requests, double bytes) => new(fault, story, PulledKind.Blob)
    {
        Arm = run =>
        {
            run.Upstream.Arm(UpstreamFault.CutAtHalf, kind: RequestKind.Blob);
            run.Upstream.Arm(fault, kind: RequestKind.Blob);
        },
        InMidBody = true,
        Status = [200],
        Requests = requests,
        Bytes = bytes,
    };

    /// <summary>A body that is not begun.</summary>
    private static FaultRow Refused(UpstreamFault fault, string reason) => new(fault, "each time", PulledKind.Blob)
    {
        Arm = run => run.Upstream.Arm(fault, Always, kind: RequestKind.Blob),
        Status = [502],
        Reason = reason,
        Requests = 1,
        RequestsOfMany = 50,
        Bytes = 50,
        Kept = Kept.Nothing,
    };
}
