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

    void End(WarmOutcome outcome);
}

/// <summary>A line for each image that has ended, for logs and pipes.</summary>
internal sealed class PlainProgress(TextWriter output, int images) : IWarmProgress
{
    private readonly Lock gate = new();
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

    public void End(WarmOutcome outcome)
    {
        lock (gate)
        {
            output.WriteLine($"[{++ended}/{images}] {(outcome.Failure is null ? "warm" : "failed")} {outcome.Image.Reference}: {outcome.Describe()}");
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

    public void Begin(WarmImage image)
    {
        lock (gate)
        {
            bars[image] = context.AddTask(Markup.Escape(image.Reference), new ProgressTaskSettings { MaxValue = 1 });
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
            bars[image].Increment(bytes);
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
