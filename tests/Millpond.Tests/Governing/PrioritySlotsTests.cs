using System.Net;
using Millpond.Server.Governing;

namespace Millpond.Tests.Governing;

public sealed class PrioritySlotsTests
{
    private static readonly Asker Greedy = new(RequestReason.Pull, "greedy");

    [Fact]
    public async Task Who_waits_is_served_by_priority_and_then_by_arrival()
    {
        var token = TestContext.Current.CancellationToken;
        var slots = new PrioritySlots(1);
        var held = await slots.TakeAsync(() => RequestReason.Pull, token);
        var background = slots.TakeAsync(() => RequestReason.Completion, token).AsTask();
        var first = slots.TakeAsync(() => RequestReason.Pull, token).AsTask();
        var second = slots.TakeAsync(() => RequestReason.Pull, token).AsTask();

        held.Dispose();
        (await first).Dispose();
        (await second).Dispose();
        (await background).Dispose();
        Assert.Equal(0, slots.Taken);
    }

    [Fact]
    public async Task Clients_take_turns_however_many_wait_for_one_of_them()
    {
        var slots = new PrioritySlots(1);
        var held = await slots.TakeAsync(() => Greedy, CancellationToken.None);
        var crowd = Enumerable.Range(0, 200).Select(_ => slots.TakeAsync(() => Greedy, CancellationToken.None).AsTask()).ToArray();
        var others = Enumerable.Range(0, 3).Select(_ => slots.TakeAsync(() => new(RequestReason.Pull, "other"), CancellationToken.None).AsTask()).ToArray();
        var own = slots.TakeAsync(() => RequestReason.Pull, CancellationToken.None).AsTask();
        Assert.Equal(3, slots.Clients);

        held.Dispose();
        (await others[0]).Dispose();
        (await own).Dispose();
        (await crowd[0]).Dispose();
        (await others[1]).Dispose();
        (await crowd[1]).Dispose();
        (await others[2]).Dispose();
        foreach (var waiting in crowd[2..])
        {
            (await waiting).Dispose();
        }

        Assert.Equal((0, 0, 0), (slots.Taken, slots.Waiting, slots.Clients));
    }

    [Fact]
    public async Task Who_has_the_fewest_slots_is_next_and_a_more_urgent_reason_comes_first_all_the_same()
    {
        var slots = new PrioritySlots(3);
        var first = await slots.TakeAsync(() => Greedy, CancellationToken.None);
        var second = await slots.TakeAsync(() => Greedy, CancellationToken.None);
        var third = await slots.TakeAsync(() => new(RequestReason.Pull, "other"), CancellationToken.None);
        var background = slots.TakeAsync(() => new(RequestReason.Completion, "third"), CancellationToken.None).AsTask();
        var greedy = slots.TakeAsync(() => Greedy, CancellationToken.None).AsTask();
        var other = slots.TakeAsync(() => new(RequestReason.Pull, "other"), CancellationToken.None).AsTask();

        third.Dispose();
        var fourth = await other;
        first.Dispose();
        var fifth = await greedy;
        Assert.False(background.IsCompleted);
        second.Dispose();
        (await background).Dispose();
        fourth.Dispose();
        fifth.Dispose();
        Assert.Equal((0, 0), (slots.Taken, slots.Clients));
    }

    [Fact]
    public async Task Work_that_becomes_anothers_while_it_waits_takes_the_others_share()
    {
        var slots = new PrioritySlots(1);
        var held = await slots.TakeAsync(() => Greedy, CancellationToken.None);
        var asker = Greedy;
        var crowd = slots.TakeAsync(() => Greedy, CancellationToken.None).AsTask();
        var shared = slots.TakeAsync(() => asker, CancellationToken.None).AsTask();
        asker = new(RequestReason.Pull, "other");
        held.Dispose();
        (await shared).Dispose();
        (await crowd).Dispose();
        Assert.Equal((0, 0), (slots.Taken, slots.Clients));
    }

    [Theory]
    [InlineData("192.0.2.7", "::ffff:192.0.2.7", true)]
    [InlineData("192.0.2.7", "192.0.2.8", false)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:2::1", false)]
    public void A_client_is_its_address_or_its_network_of_IPv6(string one, string another, bool isSame) =>
        Assert.Equal(isSame, Asker.ClientAt(IPAddress.Parse(one)) == Asker.ClientAt(IPAddress.Parse(another)));

    [Fact]
    public async Task One_who_gave_up_takes_no_slot()
    {
        var slots = new PrioritySlots(1);
        var held = await slots.TakeAsync(() => RequestReason.Pull, CancellationToken.None);
        using var impatient = new CancellationTokenSource();
        var waiting = slots.TakeAsync(() => RequestReason.Pull, impatient.Token).AsTask();
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        held.Dispose();
        held.Dispose();
        Assert.Equal(0, slots.Taken);
        (await slots.TakeAsync(() => RequestReason.Pull, CancellationToken.None)).Dispose();
    }
}
