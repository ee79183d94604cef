using Millpond.Server.Cache;

namespace Millpond.Tests.Cache;

public sealed class PrioritySlotsTests
{
    [Fact]
    public async Task Who_waits_is_served_by_priority_and_then_by_arrival()
    {
        var token = TestContext.Current.CancellationToken;
        var slots = new PrioritySlots(1);
        var held = await slots.TakeAsync(() => 0, token);
        var background = slots.TakeAsync(() => 3, token).AsTask();
        var first = slots.TakeAsync(() => 0, token).AsTask();
        var second = slots.TakeAsync(() => 0, token).AsTask();

        held.Dispose();
        (await first).Dispose();
        (await second).Dispose();
        (await background).Dispose();
        Assert.Equal(0, slots.Taken);
    }

    [Fact]
    public async Task One_who_gave_up_takes_no_slot()
    {
        var slots = new PrioritySlots(1);
        var held = await slots.TakeAsync(() => 0, CancellationToken.None);
        using var impatient = new CancellationTokenSource();
        var waiting = slots.TakeAsync(() => 0, impatient.Token).AsTask();
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        held.Dispose();
        held.Dispose();
        Assert.Equal(0, slots.Taken);
        (await slots.TakeAsync(() => 0, CancellationToken.None)).Dispose();
    }
}
