using FsCheck;
using FsCheck.Fluent;
using Millpond.Server.Configuration;
using Millpond.Server.Configuration.Values;

namespace Millpond.Tests.Configuration;

public sealed class ConfigurationPropertyTests
{
    private static readonly string[] Words =
    [
        .. ConfigurationKeys.All.SelectMany(k => k.Path.Split('.')).Distinct(), "rules", "defaults", "listeners", "quay", "docker-hub", "ROOT", "none", "all", "80%", "30m", "0s", "10KiB",
        "http://127.0.0.1:5001", "https://[::]:1", "gcr.io", "true", "~", "null", "'", "\"", "|", ">", "&a", "*a", "!!str", "<<", "\t", "\u0000", "é", "-", "---", "...", "%YAML 9.9", "#", "@", "`", "2147483648",
    ];

    private static readonly string[] Joints = [": ", ":", "\n", "\n  ", "\n    ", "\n- ", ", ", "[", "]", "{", "}", " ", ""];

    [Fact]
    public void A_duration_is_read_as_it_was_written() =>
        Prop.ForAll(Gen.Choose(0, int.MaxValue).Select(ms => TimeSpan.FromMilliseconds(ms)).ToArbitrary(), duration =>
            Duration.TryParse(Duration.Format(duration), out var again) && again == duration).QuickCheckThrowOnFailure();

    [Fact]
    public void A_size_is_read_as_it_was_written()
    {
        var sizes = from count in Gen.Choose(0, int.MaxValue) from unit in Gen.Elements(1L, 1000, 1024, 1_000_000, 1L << 20, 1L << 30) select count * unit;
        Prop.ForAll(sizes.ToArbitrary(), size => ByteSize.TryParse(ByteSize.Format(size), out var again) && again == size).QuickCheckThrowOnFailure();
        Prop.ForAll(Gen.Choose(0, 100).ToArbitrary(), percent =>
            ByteSize.TryParseLimit(ByteSize.Format(new SizeLimit(null, percent)), out var again) && again == new SizeLimit(null, percent)).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("500ms", 500)]
    [InlineData("2s", 2_000)]
    [InlineData("30m", 1_800_000)]
    [InlineData("24h", 86_400_000)]
    [InlineData("30d", 2_592_000_000)]
    [InlineData("0s", 0)]
    public void The_units_of_durations(string text, long milliseconds)
    {
        Assert.True(Duration.TryParse(text, out var duration));
        Assert.Equal(milliseconds, (long)duration.TotalMilliseconds);
    }

    [Theory]
    [InlineData("10KiB", 10_240)]
    [InlineData("5GB", 5_000_000_000)]
    [InlineData("1kB", 1_000)]
    [InlineData("2TiB", 2_199_023_255_552)]
    [InlineData("7B", 7)]
    public void The_units_of_sizes(string text, long bytes)
    {
        Assert.True(ByteSize.TryParse(text, out var size));
        Assert.Equal(bytes, size);
    }

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("B")]
    [InlineData("-1s")]
    [InlineData("+1B")]
    [InlineData("1 s")]
    [InlineData("1.5h")]
    [InlineData("1S")]
    [InlineData("1kb")]
    [InlineData("٣s")]
    [InlineData("99999999999999999999ms")]
    [InlineData("99999999999TiB")]
    [InlineData("3651d")]
    public void What_is_neither_a_duration_nor_a_size(string text)
    {
        Assert.False(Duration.TryParse(text, out _));
        Assert.False(ByteSize.TryParse(text, out _));
        Assert.False(ByteSize.TryParseLimit(text, out _));
    }

    [Fact]
    public void Whatever_is_in_the_file_there_is_a_configuration_or_mistakes_and_never_both()
    {
        using var file = new ConfigurationFile();
        var pieces = from word in Gen.Elements(Words) from joint in Gen.Elements(Joints) select word + joint;
        var texts = Gen.OneOf(pieces.ArrayOf().Select(string.Concat), ArbMap.Default.GeneratorFor<string>(), Damaged());
        Prop.ForAll(texts.ToArbitrary(), text =>
        {
            File.WriteAllText(file.Path, text ?? "");
            return IsOneOrTheOther(file.Read());
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1500));
    }

    [Fact]
    public void Whatever_is_in_the_environment_and_flags_there_is_a_configuration_or_mistakes()
    {
        var names = from parts in Gen.Elements(Words).NonEmptyListOf() select "MILLPOND__" + string.Join("__", parts).ToUpperInvariant();
        var flags = from name in Gen.Elements("--listen", "--data", "--upstream", "--config") from value in Gen.Elements(Words) from more in Gen.Elements(Words) select new FlagValue(name, $"{value}={more}");
        var all = from name in names from value in Gen.Elements(Words) from flag in flags select (name, value, flag);
        Prop.ForAll(all.ToArbitrary(), given =>
            IsOneOrTheOther(ConfigurationReader.Read(null, new Dictionary<string, string> { [given.name] = given.value }, [given.flag]))).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    private static bool IsOneOrTheOther(ConfigurationResult result) =>
        result.Configuration is null != result.Mistakes.IsEmpty && result.Mistakes.All(m => m.What.Length > 0 && m.Remedy.Length > 0 && m.Line is null or > 0);

    /// <summary>The documentation's example with a piece cut out and another put in.</summary>
    private static Gen<string> Damaged()
    {
        var example = ConfigurationDocument.Example();
        return from at in Gen.Choose(0, example.Length - 1)
               from cut in Gen.Choose(0, 30)
               from word in Gen.Elements(Words)
               from joint in Gen.Elements(Joints)
               select example.Remove(at, Math.Min(cut, example.Length - at)).Insert(at, word + joint);
    }
}
