using Millpond.Server.Bounded;


namespace Millpond.Tests.Cache;

public sealed class GenerationCacheTests
{
    [Fact]
    public void What_is_used_stays_and_what_is_not_goes()
    {
        var cache = new GenerationCache<int, string>(10, static _ => 1);
        for (var key = 0; key < 100; key++)
        {
            cache.Set(key, $"{key}");
            Assert.True(cache.TryGet(0, out var value));
            Assert.Equal("0", value);
        }

        Assert.False(cache.TryGet(50, out _));
    }

    [Fact]
    public void What_was_read_elsewhere_a_moment_ago_does_not_replace_what_was_set_meanwhile()
    {
        var cache = new GenerationCache<int, string>(10, static _ => 1);
        Assert.Equal("read", cache.Add(1, "read"));
        cache.Set(1, "set");
        Assert.Equal("set", cache.Add(1, "read"));
        Assert.True(cache.TryGet(1, out var value));
        Assert.Equal("set", value);
    }
}
