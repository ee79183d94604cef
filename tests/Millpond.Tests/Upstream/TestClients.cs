using System.Net;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging.Abstractions;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Server.Credentials;
using Millpond.Server.Upstream;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Tests.Upstream;

/// <summary>Rules and clients for the tests of this folder.</summary>
internal static class TestClients
{
    public static RepositoryName Repository { get; } = RepositoryName.Parse("team/app");

    public static CredentialSource FromEnvironment { get; } = new(null, "TEST_USER", "TEST_TOKEN");

    public static PullThroughRule Rule(Uri upstream, string name = "upstream.test") =>
        new() { Prefix = "test", UpstreamName = name, Upstream = upstream };

    public static UpstreamClient Client(
        PullThroughRule rule, TimeProvider? time = null, NetworkAccess? network = null, Func<string, string?>? environment = null) => new(
        rule,
        new UpstreamCredentials(name => name switch { "TEST_USER" => "robot", "TEST_TOKEN" => "s3cret", _ => null }),
        time ?? TimeProvider.System,
        NullLogger<UpstreamClient>.Instance,
        network ?? NetworkAccess.System,
        environment ?? (_ => null));

    /// <summary>A reason without the id of the log line that says more.</summary>
    public static string WithoutId(string reason) => Regex.Replace(reason, @" \(log id [0-9a-f]{6}\)$", "");

    public static UpstreamClient Client(Uri upstream) => Client(Rule(upstream));

    /// <summary>A network in which names stand for what a test says, and everything is dialled on loopback at the port asked for.</summary>
    public static NetworkAccess Names(params (string Name, string[] Addresses)[] names) => NetworkAccess.System with
    {
        Resolve = (host, _) => Task.FromResult<IPAddress[]>(
            IPAddress.TryParse(host, out var literal)
                ? [literal]
                : [.. names.First(entry => entry.Name == host).Addresses.Select(IPAddress.Parse)]),
        Dial = (endPoint, token) => NetworkAccess.System.Dial(new IPEndPoint(IPAddress.Loopback, endPoint.Port), token),
    };
}
