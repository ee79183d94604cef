using Microsoft.Extensions.Logging;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Expiry;
using Millpond.Server.Lifecycle.Policies;

namespace Millpond.Server.Lifecycle.Expiry;

public enum PreviewStatus
{
    InProgress,
    Complete,

    /// <summary>Its results are not kept any more.</summary>
    Expired,
    Failed,
}

/// <summary>What a policy would do to a repository. Results are there where it is complete.</summary>
public sealed record LifecyclePreview(string Text, PreviewStatus Status, IReadOnlyList<Mark> Results, DateTimeOffset EndedAt)
{
    public int Expiring => Results.Count(mark => mark.Rule.Action == LifecycleAction.Expire);

    public int Archiving => Results.Count - Expiring;
}

/// <summary>The last preview of each repository, kept for a while and not over a restart.</summary>
public sealed partial class LifecyclePreviews : IDisposable
{
    /// <summary>Repositories whose preview is remembered.</summary>
    private const int Most = 100;

    /// <summary>Images in the results of all of them, of some 500 bytes each; beyond it the oldest results go.</summary>
    private const int MostResults = 300_000;

    /// <summary>Evaluated at once: each may hold 100,000 images in memory.</summary>
    private const int AtOnce = 2;

    private static readonly TimeSpan KeptFor = TimeSpan.FromHours(1);

    private readonly Lock gate = new();
    private readonly Dictionary<OriginRepository, LifecyclePreview> previews = [];
    private readonly SemaphoreSlim slots = new(AtOnce, AtOnce);
    private readonly TaskCompletionSource idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly LifecycleTable table;
    private readonly TimeProvider time;
    private readonly CancellationToken stopping;
    private readonly ILogger<LifecyclePreviews> log;
    private int running;

    internal LifecyclePreviews(LifecycleTable table, TimeProvider time, ILogger<LifecyclePreviews> log, CancellationToken stopping)
    {
        this.table = table;
        this.time = time;
        this.stopping = stopping;
        this.log = log;
    }

    public void Dispose() => slots.Dispose();

    /// <summary>Begins one; false where one is in progress, or too many are.</summary>
    public bool TryStart(OriginRepository at, string text, LifecyclePolicy policy)
    {
        at = at with { Rule = null };
        lock (gate)
        {
            if (previews.TryGetValue(at, out var last) && last.Status == PreviewStatus.InProgress || previews.Values.Count(preview => preview.Status == PreviewStatus.InProgress) >= Most)
            {
                return false;
            }

            previews[at] = new(text, PreviewStatus.InProgress, [], default);
        }

        Interlocked.Increment(ref running);
        _ = EvaluateAsync(at, text, policy);
        return true;
    }

    /// <summary>At the end of the server: until none reads the catalog any more.</summary>
    internal Task WhenIdleAsync() => Volatile.Read(ref running) == 0 ? Task.CompletedTask : idle.Task;

    public LifecyclePreview? Find(OriginRepository at)
    {
        lock (gate)
        {
            Forget();
            return previews.GetValueOrDefault(at with { Rule = null });
        }
    }

    private async Task EvaluateAsync(OriginRepository at, string text, LifecyclePolicy policy)
    {
        var (status, results) = (PreviewStatus.Failed, (IReadOnlyList<Mark>)[]);
        try
        {
            await slots.WaitAsync(stopping);
            try
            {
                results = PolicyEvaluation.Evaluate(policy, await table.ListImagesAsync(at, stopping), time.GetUtcNow());
                status = PreviewStatus.Complete;
            }
            finally
            {
                slots.Release();
            }
        }
        catch (Exception failure) when (!stopping.IsCancellationRequested)
        {
            Log.Failed(log, at.Name.ToString(), failure);
        }
        catch (OperationCanceledException)
        {
            // The server ends, and its previews with it.
        }

        lock (gate)
        {
            previews[at] = new(text, status, results, time.GetUtcNow());
            Forget();
        }

        if (Interlocked.Decrement(ref running) == 0 && stopping.IsCancellationRequested)
        {
            idle.TrySetResult();
        }
    }

    /// <summary>Within the gate.</summary>
    private void Forget()
    {
        var now = time.GetUtcNow();
        foreach (var (at, preview) in previews.Where(pair => pair.Value.Status == PreviewStatus.Complete && now - pair.Value.EndedAt > KeptFor).ToList())
        {
            previews[at] = preview with { Status = PreviewStatus.Expired, Results = [] };
        }

        var ended = previews.Where(pair => pair.Value.Status != PreviewStatus.InProgress).OrderBy(pair => pair.Value.EndedAt).ToList();
        var results = ended.Sum(pair => pair.Value.Results.Count);
        foreach (var (at, preview) in ended.SkipLast(1))
        {
            if (results > MostResults && preview.Results.Count > 0)
            {
                results -= preview.Results.Count;
                previews[at] = preview with { Status = PreviewStatus.Expired, Results = [] };
            }

            if (previews.Count > Most)
            {
                previews.Remove(at);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2601, LogLevel.Warning, "The preview of a lifecycle policy of {Repository} has failed")]
        public static partial void Failed(ILogger logger, string repository, Exception exception);
    }
}
