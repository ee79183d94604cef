using System.Net;
using FsCheck;
using FsCheck.Fluent;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Tests.Upstream.Transport;

public sealed class AddressReachTests
{
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.255.255.254")]
    [InlineData("0.0.0.0")]
    [InlineData("::1")]
    [InlineData("::")]
    [InlineData("::ffff:127.0.0.1")]
    public void These_are_this_machine(string address) => Assert.Equal(Reach.Loopback, Of(address));

    [Theory]
    [InlineData("169.254.0.1")]
    [InlineData("169.254.169.254")]
    [InlineData("169.254.170.2")]
    [InlineData("fe80::1")]
    [InlineData("fe80::1%1")]
    [InlineData("100.100.100.200")]
    [InlineData("168.63.129.16")]
    [InlineData("192.0.0.192")]
    [InlineData("fd00:ec2::254")]
    [InlineData("fd00:ec2::23")]
    [InlineData("fd20:ce::254")]
    [InlineData("::ffff:168.63.129.16")]
    [InlineData("64:ff9b::a9fe:a9fe")]
    public void These_are_on_the_link_or_a_clouds_metadata_service(string address) => Assert.Equal(Reach.LinkLocal, Of(address));

    [Theory]
    [InlineData("10.0.0.1")]
    [InlineData("172.16.0.1")]
    [InlineData("172.31.255.255")]
    [InlineData("192.168.1.1")]
    [InlineData("100.64.0.1")]
    [InlineData("224.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("fc00::1")]
    [InlineData("fd12:3456::1")]
    [InlineData("fec0::1")]
    [InlineData("ff02::1")]
    public void These_are_private(string address) => Assert.Equal(Reach.Private, Of(address));

    [Theory]
    [InlineData("1.1.1.1")]
    [InlineData("172.15.255.255")]
    [InlineData("172.32.0.0")]
    [InlineData("192.167.255.255")]
    [InlineData("169.253.255.255")]
    [InlineData("100.63.255.255")]
    [InlineData("100.128.0.0")]
    [InlineData("223.255.255.255")]
    [InlineData("168.63.129.17")]
    [InlineData("2606:4700::1")]
    [InlineData("2001:4860:4860::8888")]
    public void These_are_open(string address) => Assert.Equal(Reach.Open, Of(address));

    /// <summary>Whatever its form, an address that carries an IPv4 address is as near as that one.</summary>
    [Theory]
    [InlineData("8.8.8.8", "Open")]
    [InlineData("203.0.113.200", "Open")]
    [InlineData("10.1.2.3", "Private")]
    [InlineData("169.254.169.254", "LinkLocal")]
    [InlineData("127.0.0.1", "Loopback")]
    public void An_IPv4_address_inside_is_what_counts(string carried, string reach) => Assert.All(
        Forms(IPAddress.Parse(carried).GetAddressBytes()), form => Assert.Equal((form, Reach: Enum.Parse<Reach>(reach)), (form, Reach: AddressReach.Of(form))));

    /// <summary>For no IPv4 address there is a form that is further away than it; a translator ignores the bits after it, so they hide nothing either.</summary>
    [Fact]
    public void No_form_hides_where_an_address_is() => Prop.ForAll(Gen.Choose(0, 255).ArrayOf(5).ToArbitrary(), numbers =>
    {
        byte[] given = [.. numbers.Select(number => (byte)number)];
        byte[][] addresses = [[Math.Max((byte)1, given[0]), .. given[1..4]], [10, .. given[1..4]], [169, 254, .. given[2..4]], [127, .. given[1..4]]];
        foreach (var bytes in addresses)
        {
            var plain = AddressReach.Of(new IPAddress(bytes));
            foreach (var form in Forms(bytes, given[4]))
            {
                Assert.True(AddressReach.Of(form) >= plain, $"{form} carries {new IPAddress(bytes)} and is {AddressReach.Of(form)}");
            }
        }
    }).QuickCheckThrowOnFailure();

    /// <param name="noise">In the bits that a translator does not read.</param>
    private static IEnumerable<IPAddress> Forms(byte[] v4, byte noise = 0)
    {
        byte[] turned = [.. v4.Select(one => (byte)~one)];
        byte[][] forms =
        [
            [.. new byte[10], 0xff, 0xff, .. v4],
            [.. new byte[8], 0xff, 0xff, 0, 0, .. v4],
            [0, 0x64, 0xff, 0x9b, .. new byte[8], .. v4],
            [0, 0x64, 0xff, 0x9b, 0, 1, .. v4[..2], 0, .. v4[2..], noise, noise, noise, noise, noise],
            [0, 0x64, 0xff, 0x9b, 0, 1, 0, v4[0], 0, .. v4[1..], noise, noise, noise, noise],
            [0, 0x64, 0xff, 0x9b, 0, 1, 0, 0, 0, .. v4, noise, noise, noise],
            [0, 0x64, 0xff, 0x9b, 0, 1, 0, 0, 0, 0, 0, 0, .. v4],
            [0x20, 0x02, .. v4, 0, 0, .. new byte[7], 1],
            [0x20, 0x01, 0, 0, 8, 8, 8, 8, noise, 0, 0x12, 0x34, .. turned],
            [0x20, 0x01, 0, 0, .. v4, 0, 0, 0x12, 0x34, 247, 247, 247, 247],
            [0x26, 0x06, 0x47, 0, 0, 0, 0, 1, 0, 0, 0x5e, 0xfe, .. v4],
            [0x26, 0x06, 0x47, 0, 0, 0, 0, 1, 2, 0, 0x5e, 0xfe, .. v4],
        ];
        return forms.Select(form => new IPAddress(form));
    }

    private static Reach Of(string address) => AddressReach.Of(IPAddress.Parse(address));
}
