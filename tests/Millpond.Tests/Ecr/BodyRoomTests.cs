using Millpond.Server.Ecr.Protocol;

namespace Millpond.Tests.Ecr;

/// <summary>What bodies of calls take together, and who of them leaves room for whom.</summary>
public sealed class BodyRoomTests
{
    [Fact]
    public void One_address_without_a_proof_leaves_room_for_others()
    {
        var room = new BodyRoom(400);
        var (greedy, modest) = (new BodyRoom.Stay("a"), new BodyRoom.Stay("b"));
        Assert.True(room.TryTake(greedy, 100));
        Assert.False(room.TryTake(greedy, 1));
        Assert.False(room.TryTake(new("a"), 1));
        Assert.True(room.TryTake(modest, 100));
        room.Leave(greedy);
        Assert.True(room.TryTake(new("a"), 100));
    }

    [Fact]
    public void A_proof_gives_the_address_its_part_back_and_many_without_one_leave_a_quarter()
    {
        var room = new BodyRoom(400);
        var proven = new BodyRoom.Stay("a");
        Assert.True(room.TryTake(proven, 100));
        room.Prove(proven);
        var others = Enumerable.Range(0, 5).Select(number => new BodyRoom.Stay($"{number}")).ToList();
        Assert.Equal(3, others.Count(stay => room.TryTake(stay, 100)));
        Assert.False(room.TryTake(new("a"), 100));
        room.Leave(proven);
        Assert.False(room.TryTake(new("a"), 1));
        others.ForEach(room.Leave);
        others.ForEach(room.Leave);
        Assert.Equal(3, Enumerable.Range(0, 4).Count(number => room.TryTake(new($"x{number}"), 100)));
    }
}
