using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Access;
using Millpond.Server.Configuration;
using Millpond.Tests.Ecr;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Access;

/// <summary>Logins of strangers: what is none makes no failure, and guesses are bounded however they come.</summary>
public sealed class LoginTests
{
    [Theory]
    [InlineData("Bearer !!!!")]
    [InlineData("Bearer a")]
    [InlineData("Bearer AAAA====")]
    [InlineData("Bearer")]
    [InlineData("Basic !!!!")]
    [InlineData("Basic QVdTOiEhISE=")] // AWS:!!!!
    [InlineData("Basic QVdTOg==")] // AWS:
    [InlineData("Negotiate abc")]
    public async Task A_login_that_is_none_is_wrong_and_no_failure(string authorization)
    {
        await using var host = await StartAsync(new FakeTimeProvider());
        Assert.Equal(401, await StatusAsync(host, authorization));
        using var layer = await host.Client.GetAsync(new Uri(host.Address, $"/v2/a/b/blobs/sha256:{new string('a', 64)}?millpond-token=!!!!"));
        Assert.Equal(401, (int)layer.StatusCode);
    }

    [Theory]
    [InlineData("multipart/form-data", "x")]
    [InlineData("multipart/form-data; boundary=x", "--x\r\nnothing")]
    [InlineData("application/x-www-form-urlencoded", null)]
    public async Task A_form_that_is_none_is_a_bad_request(string type, string? body)
    {
        await using var host = await StartAsync(new FakeTimeProvider());
        using var content = new ByteArrayContent(Encoding.ASCII.GetBytes(body ?? string.Join('&', Enumerable.Range(0, 3000).Select(number => $"{number}"))));
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        using var answer = await host.Client.PostAsync(new Uri(host.Address, "/v2/token"), content);
        Assert.Equal(400, (int)answer.StatusCode);
    }

    [Fact]
    public async Task A_client_that_says_no_name_is_told_to_log_in()
    {
        await using var host = await StartAsync(new FakeTimeProvider());
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, host.Address.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes("GET /v2/ HTTP/1.0\r\n\r\n"));
        using var reader = new StreamReader(stream);
        Assert.Contains(" 401 ", await reader.ReadLineAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Guesses_at_once_are_no_more_than_guesses_in_a_row()
    {
        await using var host = await StartAsync(new FakeTimeProvider());
        var found = await Task.WhenAll(Enumerable.Range(0, 60).Select(number => StatusAsync(host, Basic("ci", $"guess-{number}"))));
        Assert.InRange(found.Count(status => status == 401), 1, 20);
        Assert.Equal(60, found.Count(status => status is 401 or 429));
    }

    [Fact]
    public async Task Who_is_at_work_is_let_in_after_a_change_that_is_not_his_though_others_guess()
    {
        var clock = new FakeTimeProvider();
        await using var host = await StartAsync(clock);
        var root = AwsClient.Root(host, clock);
        var right = Basic("ci", (string)(await root.OwnAsync("CreateRobot", """{"name":"ci","policies":["PullOnly"]}""")).Json["password"]!);
        Assert.Equal(200, await StatusAsync(host, right));
        foreach (var number in Enumerable.Range(0, 21))
        {
            await StatusAsync(host, Basic("ci", $"guess-{number}"));
        }

        Assert.Equal(429, await StatusAsync(host, Basic("ci", "another")));
        Assert.Equal(200, (await root.OwnAsync("CreatePrincipal", """{"arn":"arn:aws:iam::222222222222:role/other","policies":["PullOnly"]}""")).Status);
        Assert.Equal(200, await StatusAsync(host, right));
    }

    [Fact]
    public async Task A_password_made_at_random_is_let_in_whoever_guesses_and_though_it_was_never_seen()
    {
        var clock = new FakeTimeProvider();
        await using var host = await StartAsync(clock);
        var right = Basic("ci", (string)(await AwsClient.Root(host, clock).OwnAsync("CreateRobot", """{"name":"ci","policies":["PullOnly"]}""")).Json["password"]!);
        await GuessAsync(host, "ci", 25);
        Assert.Equal(429, await StatusAsync(host, Basic("ci", "another")));
        Assert.Equal(200, await StatusAsync(host, right));
    }

    [Fact]
    public async Task Guesses_at_a_chosen_password_from_the_address_where_it_is_used_are_bounded_and_its_user_goes_on()
    {
        using var folder = new TemporaryFolder();
        var robots = folder.Write("robots", $"ci:{Chosen("chosen")}:PullOnly\n");
        await using var host = await MillpondHost.StartAsync(
            [], new() { Time = new FakeTimeProvider(), Configure = configuration => configuration with { Access = AccessMode.Token, RobotsFile = robots } });
        using var working = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1 });
        var right = Basic("ci", "chosen");
        Assert.Equal(200, await StatusAsync(host, right, working));

        // Among some guesses it is let in by any connection, as it was; among many, whoever guesses right is told nothing more.
        await GuessAsync(host, "ci", 100);
        Assert.Equal(200, await StatusAsync(host, right));
        await GuessAsync(host, "ci", 150);
        using (var guesser = new HttpClient())
        {
            Assert.Equal(429, await StatusAsync(host, right, guesser));
        }

        Assert.Equal(200, await StatusAsync(host, right, working));
    }

    [Fact]
    public async Task A_root_of_another_partition_is_nobody()
    {
        var clock = new FakeTimeProvider();
        await using var host = await StartAsync(clock);
        var root = AwsClient.Root(host, clock);
        Assert.Equal("PrincipalNotFoundException", (await root.OwnAsync("RotateAccessKey", """{"arn":"arn:aws-cn:iam::111111111111:root"}""")).Type);
    }

    [Theory]
    [InlineData("10.1.2.3", "10.1.2.3")]
    [InlineData("::ffff:10.1.2.3", "10.1.2.3")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
    public void An_address_is_what_one_client_has(string address, string source) => Assert.Equal(source, FailedTries.SourceOf(IPAddress.Parse(address)));

    private static Task<MillpondHost> StartAsync(FakeTimeProvider clock) => MillpondHost.StartAsync(
        [], new() { Time = clock, Configure = configuration => configuration with { Access = AccessMode.Token, Ecr = new("111111111111", "eu-west-1") } });

    /// <summary>As a password that somebody chose is kept, with few rounds: tests need not wait.</summary>
    private static string Chosen(string password)
    {
        var salt = new byte[16];
        return $"$pbkdf2-sha256$i=2${Convert.ToBase64String(salt)}${Convert.ToBase64String(Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(password), salt, 2, HashAlgorithmName.SHA256, 32))}";
    }

    private static string Basic(string user, string password) => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));

    private static async Task GuessAsync(MillpondHost host, string user, int times)
    {
        for (var number = 0; number < times; number++)
        {
            Assert.NotEqual(200, await StatusAsync(host, Basic(user, $"guess-{times}-{number}")));
        }
    }

    private static async Task<int> StatusAsync(MillpondHost host, string authorization, HttpClient? client = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(host.Address, "/v2/"));
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
        using var answer = await (client ?? host.Client).SendAsync(request);
        return (int)answer.StatusCode;
    }
}
