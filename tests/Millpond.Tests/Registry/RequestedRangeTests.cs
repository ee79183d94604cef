using FsCheck;
using FsCheck.Fluent;
using Millpond.Server.Registry;

namespace Millpond.Tests.Registry;

public sealed class RequestedRangeTests
{
    [Theory]
    [InlineData("bytes=0-0", 0, 1)]
    [InlineData("bytes=0-9", 0, 10)]
    [InlineData("bytes=0-99", 0, 10)]
    [InlineData("bytes=3-5", 3, 3)]
    [InlineData("Bytes=3-5", 3, 3)]
    [InlineData("bytes= 3-5 ", 3, 3)]
    [InlineData("bytes=3-", 3, 7)]
    [InlineData("bytes=9-", 9, 1)]
    [InlineData("bytes=-1", 9, 1)]
    [InlineData("bytes=-10", 0, 10)]
    [InlineData("bytes=-99", 0, 10)]
    [InlineData("bytes=2-99999999999999999999999", 2, 8)]
    [InlineData("bytes=-99999999999999999999999", 0, 10)]
    public void A_part_of_ten_bytes(string header, long start, long length) =>
        Assert.Equal(new RequestedRange(RangeVerdict.Part, start, length), RequestedRange.Parse(header, 10));

    [Theory]
    [InlineData("bytes=10-")]
    [InlineData("bytes=10-11")]
    [InlineData("bytes=99999999999999999999999-")]
    [InlineData("bytes=-0")]
    public void Outside_of_ten_bytes(string header) => Assert.Equal(RangeVerdict.NotSatisfiable, RequestedRange.Parse(header, 10).Verdict);

    [Theory]
    [InlineData("")]
    [InlineData("bytes")]
    [InlineData("bytes=")]
    [InlineData("bytes=-")]
    [InlineData("bytes=a-b")]
    [InlineData("bytes=5-3")]
    [InlineData("bytes=+1-3")]
    [InlineData("bytes=1 -3")]
    [InlineData("bytes=1--3")]
    [InlineData("bytes=0-1,3-4")]
    [InlineData("items=0-1")]
    public void What_cannot_be_read_or_has_several_parts_is_the_whole(string header) =>
        Assert.Equal(new RequestedRange(RangeVerdict.Whole, 0, 10), RequestedRange.Parse(header, 10));

    [Theory]
    [InlineData("bytes=0-0")]
    [InlineData("bytes=0-")]
    [InlineData("bytes=-1")]
    public void Nothing_of_an_empty_content_can_be_had(string header) =>
        Assert.Equal(RangeVerdict.NotSatisfiable, RequestedRange.Parse(header, 0).Verdict);

    [Fact]
    public void A_part_lies_within_the_content_and_is_not_empty()
    {
        var numbers = ArbMap.Default.GeneratorFor<NonNegativeInt>().Select(n => (long)n.Get);
        Prop.ForAll(Arb.From(numbers.Three()), triple =>
        {
            var (from, to, total) = triple;
            var range = RequestedRange.Parse($"bytes={from}-{to}", total);
            return range.Verdict switch
            {
                RangeVerdict.Whole => to < from,
                RangeVerdict.NotSatisfiable => from >= total,
                RangeVerdict.Part => range.Start == from && range.Length >= 1 && range.Start + range.Length <= Math.Min(total, to + 1),
            };
        }).QuickCheckThrowOnFailure();
    }
}
