using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Millpond.Images;

namespace Millpond.Tests.Images;

public sealed class ForeignJsonTests
{
    [Theory]
    [InlineData("""{"a":"half \ud83d of a pair"}""", "half � of a pair")]
    [InlineData("""{"a":"\udc00\ud800"}""", "��")]
    [InlineData("""{"a":"\ud83d\ude00"}""", "😀")]
    [InlineData("""{"a":"\ud83d\ud83d\ude00"}""", "�😀")]
    [InlineData("""{"a":"\\ud83d"}""", "\\ud83d")]
    [InlineData("""{"a":"\\\ud83d\""}""", "\\�\"")]
    [InlineData("""{"\ud800":1,"a":"b"}""", "b")]
    public void Halves_of_pairs_are_replaced(string text, string expected)
    {
        using var document = ForeignJson.TryParse(Encoding.UTF8.GetBytes(text));

        Assert.Equal(expected, document!.RootElement.TextOf("a"));
    }

    [Theory]
    [InlineData("""{"a":"é"}""", "\ufffd")]
    [InlineData("""{"é":1,"a":"b"}""", "b")]
    public void Latin_1_is_read_as_far_as_it_can_be(string text, string expected)
    {
        using var document = ForeignJson.TryParse(Encoding.Latin1.GetBytes(text));

        Assert.Equal(expected, document!.RootElement.TextOf("a"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("<html>")]
    [InlineData("{\"a\":\"\\ud8")]
    [InlineData("{\"a\":\"\\")]
    public void What_is_no_json_is_none(string text) => Assert.Null(ForeignJson.TryParse(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void So_deep_a_document_that_reading_it_would_end_the_program_is_none() =>
        Assert.Null(ForeignJson.TryParse(Encoding.UTF8.GetBytes(new string('[', 100_000) + new string(']', 100_000))));

    /// <summary>Whatever stands in a text, the document can be asked for everything.</summary>
    [Fact]
    public void Nothing_that_is_asked_of_a_document_throws() => Prop.ForAll<byte[], byte[]>((name, value) =>
    {
        byte[] text = [.. "{\""u8, .. Inside(name), .. "\":\""u8, .. Inside(value), .. "\",\"a\":\"b\"}"u8];
        using var document = ForeignJson.TryParse(text);
        return document is not null
            && document.RootElement.EnumerateObject().All(member => member.Name is not null && member.Value.GetString() is not null)
            && document.RootElement.TextOf("a") is not null
            && JsonSerializer.SerializeToUtf8Bytes(document.RootElement).Length > 0;
    }).QuickCheckThrowOnFailure();

    /// <summary>Bytes as they may stand in a text, every other one an escaped half of a pair.</summary>
    private static IEnumerable<byte> Inside(byte[] bytes) => bytes.SelectMany((octet, at) => at % 2 == 0
        ? octet is < 0x20 or (byte)'"' or (byte)'\\' ? [] : [octet]
        : Encoding.ASCII.GetBytes($"\\u{(octet % 2 == 0 ? "d8" : "dc")}{octet:x2}"));
}
