using Millpond.Server.Configuration.Values;
using Millpond.Server.Telemetry;
using Spectre.Console;

namespace Millpond.Cli.Warming;

/// <summary>What a run tells while it runs. Called from several tasks at once.</summary>
internal interface IWarmProgress
{
    void Begin(WarmImage image);

    /// <summary>So many bytes of the image are known to be wanted.</summary>
    void Expect(WarmImage image, long bytes);

    /// <summary>So many of them are there.</summary>
    void Received(WarmImage image, long bytes);

    /// <summary>It is asked for again, and why only later.</summary>
    void Wait(WarmImage image, WarmWait wait);

    void End(WarmOutcome outcome);
}

/// <summary>Why and how long an image is waited for.</summary>
/// <param name="Why">What the server said: of its upstream's state, where that is at fault.</param>
/// <param name="For">Until the next try.</param>
/// <param name="Waited">How long the upstream has been waited for already.</param>
/// <param name="Bound">How long it is waited for in all; null where the tries are counted.</param>
internal sealed record WarmWait(string Why, TimeSpan For, TimeSpan Waited, TimeSpan? Bound)
{
    public string Describe() => Bound is { } bound
        ? $"waits {Seconds(For)} for its upstream: {Why} (waited {Seconds(Waited)} so far, at most {Duration.Format(bound)}: --max-wait)"
        : $"tries again in {Seconds(For)}: {Why}";

    private static string Seconds(TimeSpan time) => Duration.Format(TimeSpan.FromSeconds(Math.Ceiling(time.TotalSeconds)));
}

/// <summary>A line for each image that has ended, for logs and pipes.</summary>
internal sealed class PlainProgress(TextWriter output, int images) : IWarmProgress
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, string> reasons = new(StringComparer.Ordinal);
    private int ended;

    public void Begin(WarmImage image)
    {
        // A log has no use for what has only begun.
    }

    public void Expect(WarmImage image, long bytes)
    {
        // Nor for sizes.
    }

    public void Received(WarmImage image, long bytes)
    {
        // Nor for each block.
    }

    public void Wait(WarmImage image, WarmWait wait)
    {
        lock (gate)
        {
            // Sixty images of one registry wait for the same: it is said once, and again when it is another reason.
            if (!reasons.TryGetValue(image.Rule, out var why) || why != wait.Why)
            {
                reasons[image.Rule] = wait.Why;
                output.WriteLine(VisibleText.Of($"{image.Given}: {wait.Describe()}"));
            }
        }
    }

    public void End(WarmOutcome outcome)
    {
        lock (gate)
        {
            output.WriteLine($"[{++ended}/{images}] {(outcome.Failure is null ? "warm" : "failed")} {VisibleText.Of($"{outcome.Image.Given}: {outcome.Describe()}")}");
        }
    }
}

/// <summary>Bars on a terminal: one over all, and one for each image that is being pulled.</summary>
internal sealed class BarProgress : IWarmProgress
{
    private readonly ProgressContext context;
    private readonly Lock gate = new();
    private readonly Dictionary<WarmImage, ProgressTask> bars = [];
    private readonly ProgressTask whole;

    private BarProgress(ProgressContext context, int images)
    {
        this.context = context;
        whole = context.AddTask("all images", maxValue: Math.Max(images, 1));
    }

    public static Task<T> RunAsync<T>(IAnsiConsole console, int images, Func<IWarmProgress, Task<T>> work) =>
        console.Progress().HideCompleted(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(context => work(new BarProgress(context, images)));

    private static string Name(WarmImage image) => Markup.Escape(VisibleText.Of(image.Given));

    public void Begin(WarmImage image)
    {
        lock (gate)
        {
            bars[image] = context.AddTask(Name(image), new ProgressTaskSettings { MaxValue = 1 });
            bars[image].IsIndeterminate = true;
        }
    }

    public void Expect(WarmImage image, long bytes)
    {
        lock (gate)
        {
            bars[image].MaxValue = Math.Max(bytes, 1);
            bars[image].IsIndeterminate = false;
        }
    }

    public void Received(WarmImage image, long bytes)
    {
        lock (gate)
        {
            bars[image].Description = Name(image);
            bars[image].Increment(bytes);
        }
    }

    public void Wait(WarmImage image, WarmWait wait)
    {
        lock (gate)
        {
            bars[image].Description = $"{Name(image)} {Markup.Escape(VisibleText.Of(wait.Describe()))}";
        }
    }

    public void End(WarmOutcome outcome)
    {
        lock (gate)
        {
            whole.Increment(1);
            if (bars.Remove(outcome.Image, out var bar))
            {
                bar.StopTask();
                bar.Value = bar.MaxValue;
            }
        }
    }
}
