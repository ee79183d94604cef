using Millpond.Server.Upstream.Transport;

namespace Millpond.Tests.Upstream.Transport;

public sealed class UpstreamProxyTests
{
    [Theory]
    [InlineData("", "https://quay.io", false)]
    [InlineData("*", "https://quay.io", true)]
    [InlineData("quay.io", "https://quay.io", true)]
    [InlineData("QUAY.io", "https://cdn.quay.io", true)]
    [InlineData("quay.io", "https://notquay.io", false)]
    [InlineData(".quay.io", "https://cdn.quay.io", true)]
    [InlineData("*.quay.io", "https://a.cdn.quay.io", true)]
    [InlineData("other.io, quay.io:443", "https://quay.io", true)]
    [InlineData("quay.io:8443", "https://quay.io", false)]
    [InlineData("10.0.0.0/8", "https://10.1.2.3", true)]
    [InlineData("10.0.0.0/8", "https://11.1.2.3", false)]
    [InlineData("10.1.2.3", "https://10.1.2.3", true)]
    [InlineData("2.3", "https://10.1.2.3", false)]
    [InlineData("fd00::/8", "https://[fd00::1]", true)]
    [InlineData("[fd00::1]:8443", "https://[fd00::1]:8443", true)]
    [InlineData("", "https://localhost", true)]
    [InlineData("", "https://127.0.0.1:5000", true)]
    [InlineData("", "https://[::1]", true)]
    [InlineData(",, :,:99,.", "https://quay.io", false)]
    public void NO_PROXY_is_read_as_clusters_write_it(string list, string destination, bool direct)
    {
        var proxy = Proxy(null, ("https_proxy", "proxy.test:3128"), ("NO_PROXY", list));

        Assert.Equal(direct, proxy.IsBypassed(new Uri(destination)));
    }

    [Theory]
    [InlineData("https_proxy", "https://quay.io", true)]
    [InlineData("HTTPS_PROXY", "https://quay.io", true)]
    [InlineData("HTTP_PROXY", "https://quay.io", false)]
    [InlineData("HTTP_PROXY", "http://quay.io", true)]
    [InlineData("ALL_PROXY", "http://quay.io", true)]
    [InlineData("all_proxy", "https://quay.io", true)]
    public void Each_scheme_has_its_variable(string variable, string destination, bool proxied)
    {
        var proxy = Proxy(null, (variable, "http://proxy.test:3128"));

        Assert.Equal(proxied ? new Uri("http://proxy.test:3128") : null, proxy.GetProxy(new Uri(destination)));
    }

    [Fact]
    public void A_rules_own_proxy_counts_for_everything_and_none_means_direct()
    {
        Assert.Equal(new Uri("socks5://p.test:1080"), Proxy("socks5://p.test:1080", ("NO_PROXY", "*")).GetProxy(new Uri("http://127.0.0.1")));
        Assert.Null(Proxy("none", ("HTTPS_PROXY", "http://proxy.test")).GetProxy(new Uri("https://quay.io")));
        Assert.Throws<ArgumentException>(() => Proxy("ftp://p.test"));
    }

    [Fact]
    public void A_proxys_password_is_for_that_proxy()
    {
        var proxy = Proxy("http://me:p%40ss@p.test:3128");

        Assert.Equal("p@ss", proxy.Credentials!.GetCredential(new Uri("http://p.test:3128"), "Basic")!.Password);
        Assert.Null(proxy.Credentials.GetCredential(new Uri("http://other.test:3128"), "Basic"));
        Assert.Null(proxy.Credentials.GetCredential(new Uri("http://p.test:80"), "Basic"));
    }

    private static UpstreamProxy Proxy(string? own, params (string Name, string Value)[] environment) => new(
        TestClients.Rule(new Uri("https://upstream.test")) with { Proxy = own },
        name => environment.Where(variable => variable.Name == name).Select(variable => variable.Value).FirstOrDefault());
}
