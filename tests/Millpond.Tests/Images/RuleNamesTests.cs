using System.Collections;
using System.Reflection;
using System.Text.Json;
using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Tests.Images;

/// <summary>What a rule names is one value; what copies its members by hand forgets one when a key is added.</summary>
public sealed class RuleNamesTests
{
    private static readonly RuleNames Sample = new()
    {
        Prefix = "team-a/harbor",
        UpstreamName = "mirror.corp.example:8443",
        Upstream = new Uri("https://10.0.0.1:8443"),
        UpstreamRepositoryPrefix = "quay",
        StandsFor = ["quay.io", "docker.io"],
        Hosts = ["quay.cache.corp.example"],
        Tier = Tier.OptIn,
        Allow = ["a/**"],
        Deny = ["a/b"],
    };

    private static IEnumerable<PropertyInfo> Members => typeof(RuleNames).GetProperties().Where(member => member.SetMethod is not null);

    [Fact]
    public void Every_member_is_written_and_read()
    {
        var bare = new RuleNames("quay", "quay.io");
        var read = Through(Sample);

        Assert.All(Members, member =>
        {
            Assert.NotEqual(Flat(member.GetValue(bare)), Flat(member.GetValue(Sample)));
            Assert.Equal((member.Name, Flat(member.GetValue(Sample))), (member.Name, Flat(member.GetValue(read))));
        });
    }

    [Fact]
    public void Presets_and_rules_are_such_values_and_copy_nothing()
    {
        Assert.All(Preset.All, preset => Assert.All(Members, member => Assert.Equal(Flat(member.GetValue(preset)), Flat(member.GetValue(Through(preset))))));
        Assert.Equal(typeof(RuleNames), typeof(PullThroughRule).BaseType);
        Assert.Equal(typeof(RuleNames), typeof(Preset).BaseType);
    }

    [Theory]
    [InlineData("""{"prefix":"a","upstream":"docker.io"}""", "https://registry-1.docker.io/")]
    [InlineData("""{"prefix":"a","upstream":"quay.io:8443","standsFor":null}""", "https://quay.io:8443/")]
    public void What_an_older_server_does_not_say_has_its_default(string text, string url)
    {
        using var json = JsonDocument.Parse(text);
        var read = RuleNamesJson.Read(json.RootElement);

        Assert.Equal((url, Tier.ByRule), (read.Upstream.ToString(), read.Tier));
        Assert.Empty(read.StandsFor);
    }

    [Theory]
    [InlineData("""{"upstream":"docker.io"}""")]
    [InlineData("""{"prefix":"a"}""")]
    [InlineData("""{"prefix":"a","upstream":"x.example","url":"/x y"}""")]
    public void What_is_no_rule_is_refused(string text)
    {
        using var json = JsonDocument.Parse(text);
        Assert.Throws<FormatException>(() => RuleNamesJson.Read(json.RootElement));
    }

    private static RuleNames Through(RuleNames names)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            RuleNamesJson.WriteMembers(writer, names);
            writer.WriteEndObject();
        }

        using var json = JsonDocument.Parse(buffer.ToArray());
        return RuleNamesJson.Read(json.RootElement);
    }

    private static string Flat(object? value) => value is IEnumerable list and not string ? string.Join(' ', list.Cast<object>()) : value?.ToString() ?? "";
}
