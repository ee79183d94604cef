namespace Millpond.Tests.Fixtures;

/// <summary>Every request in order of arrival, and tests that wait for one.</summary>
internal sealed class UpstreamJournal
{
    private readonly Lock sync = new();
    private readonly List<UpstreamRequest> requests = [];
    private readonly List<(Func<IReadOnlyList<UpstreamRequest>, bool> Condition, TaskCompletionSource Met)> waiting = [];

    public IReadOnlyList<UpstreamRequest> All
    {
        get
        {
            lock (sync)
            {
                return [.. requests];
            }
        }
    }

    public void Add(UpstreamRequest request)
    {
        lock (sync)
        {
            requests.Add(request);
        }

        Changed();
    }

    public void Clear()
    {
        lock (sync)
        {
            requests.Clear();
        }
    }

    /// <summary>To be called whenever a request's state has changed.</summary>
    public void Changed()
    {
        lock (sync)
        {
            for (var i = waiting.Count - 1; i >= 0; i--)
            {
                if (waiting[i].Condition(requests))
                {
                    waiting[i].Met.TrySetResult();
                    waiting.RemoveAt(i);
                }
            }
        }
    }

    public async Task WhenAsync(Func<IReadOnlyList<UpstreamRequest>, bool> condition, string what)
    {
        var met = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (sync)
        {
            waiting.Add((condition, met));
        }

        Changed();
        try
        {
            await met.Task.WaitAsync(Patience.Limit);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"The upstream waited in vain for {what}; it saw:\n{Describe()}", e);
        }
    }

    public string Describe() => string.Join('\n', All);
}
