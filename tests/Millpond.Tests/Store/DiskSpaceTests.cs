using Millpond.Server.Store;

namespace Millpond.Tests.Store;

public sealed class DiskSpaceTests
{
    [Fact]
    public void What_is_promised_is_not_promised_twice()
    {
        var disk = new DiskSpace(() => (1000, 1000), _ => 900, _ => 50);
        using var first = disk.TryPromise(600, out var missing);
        Assert.NotNull(first);
        Assert.Equal(0, missing);
        Assert.Null(disk.TryPromise(400, out missing));
        Assert.Equal(100, missing);
        first.Dispose();
        using var second = disk.TryPromise(900, out _);
        Assert.NotNull(second);
    }

    [Fact]
    public void Headroom_is_kept_free_even_under_the_limit()
    {
        var disk = new DiskSpace(() => (1000, 100), _ => 900, _ => 50);
        Assert.NotNull(disk.TryPromise(50, out _));
        Assert.Null(disk.TryPromise(1, out var missing));
        Assert.Equal(1, missing);
    }

    [Fact]
    public void What_could_never_fit_is_said_before_anything_is_evicted()
    {
        var disk = new DiskSpace(() => (1000, 200), _ => 900, _ => 50);
        Assert.True(disk.CouldEverFit(150));
        Assert.False(disk.CouldEverFit(151));
    }

    [Fact]
    public void What_is_promised_to_others_could_never_fit_either()
    {
        var disk = new DiskSpace(() => (1000, 1000), _ => 900, _ => 50);
        using var promise = disk.TryPromise(600, out _);
        Assert.True(disk.CouldEverFit(300));
        Assert.False(disk.CouldEverFit(301));
    }

    [Fact]
    public void What_the_file_system_has_reserved_counts_once()
    {
        var free = 1000L;
        var disk = new DiskSpace(() => (1000, free), _ => 1000, _ => 0);
        using var promise = disk.TryPromise(600, out _)!;
        promise.Written(100);
        free -= 600;
        promise.Reserved();
        promise.Written(100);
        using var other = disk.TryPromise(400, out _);
        Assert.NotNull(other);
        Assert.Null(disk.TryPromise(1, out _));
        promise.Dispose();
        free += 400;
        Assert.NotNull(disk.TryPromise(400, out _));
    }

    [Fact]
    public void A_promise_shrinks_as_its_bytes_are_written()
    {
        var free = 1000L;
        var disk = new DiskSpace(() => (1000, free), _ => 1000, _ => 0);
        using var promise = disk.TryPromise(600, out _)!;
        free = 600;
        promise.Written(400);
        Assert.NotNull(disk.TryPromise(400, out _));
    }
}
