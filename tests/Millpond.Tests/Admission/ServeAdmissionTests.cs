using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Admission;

/// <summary><c>millpond serve --admission</c> as the program that people run, asked by a client that trusts nobody but its authority.</summary>
[Trait("Category", "Heavy")]
public sealed partial class ServeAdmissionTests : IDisposable
{
    private const string Registry = "cache.corp.example";

    private readonly TemporaryFolder folder = new();

    private string Data => folder.File("data");

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task By_flags_alone_it_prints_its_authority_and_reviews_beside_the_registry()
    {
        var environment = new Dictionary<string, string> { ["MILLPOND__ADMISSION__REGISTRY"] = Registry };
        await using var millpond = await MillpondProcess.StartAsync(Data, ["--admission", "https://127.0.0.1:0", "--self-signed"], environment);
        using var client = await ClientAsync(millpond, PrintedAuthority(millpond));

        Assert.Equal([$"{Registry}/quay/a/b:1", "registry.other.example/c"], Pods.Images(await CreateAsync(client, Pods.With("quay.io/a/b:1", "registry.other.example/c"))));
        using var pulls = new HttpClient();
        Assert.Equal(HttpStatusCode.OK, (await pulls.GetAsync(new Uri(await millpond.AddressAsync("pulls"), "/v2/"), TestContext.Current.CancellationToken)).StatusCode);
    }

    [Fact]
    public async Task With_the_registry_off_it_reviews_debug_containers_and_nothing_else_listens()
    {
        await using var millpond = await MillpondProcess.StartAsync(Data, ["--config", Configuration("selfSigned: true")]);
        using var client = await ClientAsync(millpond, PrintedAuthority(millpond));
        var old = Pods.With("quay.io/a/b:1").Debugged(Pods.Container("first", "quay.io/a/debug:1"));
        var pod = Pods.With("quay.io/a/b:1").Debugged(Pods.Container("first", "quay.io/a/debug:1"), Pods.Container("second", "quay.io/a/debug:2"));

        var patched = JsonPatch.Apply(pod, (await AskAsync(client, Reviewer.Request(pod, "UPDATE", "ephemeralcontainers", old))).Patch);

        Assert.Equal(["quay.io/a/b:1"], Pods.Images(patched));
        Assert.Equal(["quay.io/a/debug:1", $"{Registry}/quay/a/debug:2"], Pods.Images(patched, "ephemeralContainers"));
        Assert.Equal(await millpond.AddressAsync("admission"), millpond.Address);
        Assert.Single(ListeningLines().Matches(millpond.Output));
    }

    [Fact]
    public async Task Killed_and_started_again_it_has_the_same_authority()
    {
        var configuration = Configuration("selfSigned: true");
        string authority;
        await using (var first = await MillpondProcess.StartAsync(Data, ["--config", configuration]))
        {
            authority = PrintedAuthority(first);
            await first.KillAsync();
        }

        await using var second = await MillpondProcess.StartAsync(Data, ["--config", configuration]);
        using var client = await ClientAsync(second, authority);

        Assert.Equal(authority, PrintedAuthority(second));
        Assert.Equal([$"{Registry}/quay/a"], Pods.Images(await CreateAsync(client, Pods.With("quay.io/a"))));
    }

    /// <summary>Of a length that is told, too large to be read; and of one that is not, for which the room counts.</summary>
    [Theory]
    [InlineData(8, true)]
    [InlineData(8, false)]
    [InlineData(2, true)]
    public async Task Many_large_reviews_at_once_take_little_memory_and_all_are_allowed(int megabytes, bool tellsLength)
    {
        const long Megabyte = 1024 * 1024;
        await using var millpond = await MillpondProcess.StartAsync(Data, ["--config", Configuration("selfSigned: true")]);
        using var client = await ClientAsync(millpond, PrintedAuthority(millpond));
        Assert.NotEmpty((await AskAsync(client, Reviewer.Request(Pods.With("quay.io/a")))).Patch);
        var pod = Pods.With("quay.io/a").Annotated(("large", new string('x', megabytes * (int)Megabyte)));
        var body = Encoding.UTF8.GetBytes(Reviewer.Review(Reviewer.Request(pod)).ToJsonString());
        for (var round = 0; round < 3; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, megabytes == 8 ? 20 : 60).Select(async _ =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, "/admit?timeout=10s") { Content = new ByteArrayContent(body) };
                request.Headers.TransferEncodingChunked = !tellsLength;
                using var answer = await SendAsync(request, tellsLength);
                if (answer is null)
                {
                    return;
                }

                var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
                if (answer.StatusCode == HttpStatusCode.RequestEntityTooLarge)
                {
                    Assert.False(tellsLength);
                    return;
                }

                Assert.True((bool?)JsonNode.Parse(text)?["response"]?["allowed"], text);
            }));
        }

        TestContext.Current.TestOutputHelper!.WriteLine("reviews of {0} MiB at once: {1} MB resident at most", megabytes, millpond.PeakMemory / Megabyte);
        Assert.InRange(millpond.PeakMemory, 0, 600 * Megabyte);

        // A body of untold length is refused before its end, which a client that still sends may take for a broken connection.
        async Task<HttpResponseMessage?> SendAsync(HttpRequestMessage request, bool isWhole)
        {
            try
            {
                return await client.SendAsync(request, TestContext.Current.CancellationToken);
            }
            catch (HttpRequestException) when (!isWhole)
            {
                return null;
            }
        }
    }

    [Fact]
    public async Task Files_that_are_replaced_on_disk_are_served_without_a_restart()
    {
        using var authority = new TestCertificates();
        var (certificate, key) = authority.IssueFiles(folder, "tls");
        await using var millpond = await MillpondProcess.StartAsync(Data, ["--config", Configuration($"tls: {{certificate: {certificate}, key: {key}}}")]);
        using var before = await ClientAsync(millpond, authority.AuthorityPem);
        Assert.NotEmpty((await AskAsync(before, Reviewer.Request(Pods.With("quay.io/a")))).Patch);

        using var successor = new TestCertificates();
        successor.IssueFiles(folder, "tls");
        using var after = await ClientAsync(millpond, successor.AuthorityPem);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(Patience.Limit);
        while (!await IsTrustedAsync(after, patience.Token))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, patience.Token);
        }

        Assert.NotEmpty((await AskAsync(after, Reviewer.Request(Pods.With("quay.io/a")))).Patch);
        Assert.NotEmpty((await AskAsync(before, Reviewer.Request(Pods.With("quay.io/a")))).Patch);
    }

    [Fact]
    public async Task Told_to_stop_it_answers_the_reviews_that_have_begun_and_ends_well()
    {
        await using var millpond = await MillpondProcess.StartAsync(Data, ["--config", Configuration("selfSigned: true")]);
        var reviews = new List<BegunReview>();
        try
        {
            for (var number = 0; number < 8; number++)
            {
                reviews.Add(await BegunReview.StartAsync(millpond.Address, PrintedAuthority(millpond), $"quay.io/a:{number}"));
            }

            var stopped = millpond.StopAsync();
            await WhenRefusedAsync(millpond.Address);
            var images = new List<string?>();
            foreach (var review in reviews)
            {
                images.Add(await review.FinishAsync());
            }

            Assert.Equal(Enumerable.Range(0, 8).Select(number => $"{Registry}/quay/a:{number}"), images);
            Assert.Equal(0, await stopped);
        }
        finally
        {
            reviews.ForEach(review => review.Dispose());
        }
    }

    [Fact]
    public async Task Callers_that_stall_in_mid_body_are_sent_away_and_keep_nobody_waiting()
    {
        await using var millpond = await MillpondProcess.StartAsync(Data, ["--config", Configuration("selfSigned: true")]);
        var authority = PrintedAuthority(millpond);
        var stalled = await Task.WhenAll(Enumerable.Range(0, 64).Select(number => BegunReview.StartAsync(millpond.Address, authority, $"quay.io/a:{number}")));
        using var client = await ClientAsync(millpond, authority);

        Assert.NotEmpty((await AskAsync(client, Reviewer.Request(Pods.With("quay.io/a")))).Patch);
        foreach (var review in stalled)
        {
            Assert.StartsWith("HTTP/1.1 408 ", await review.ReadAsync(), StringComparison.Ordinal);
            review.Dispose();
        }

        Assert.NotEmpty((await AskAsync(client, Reviewer.Request(Pods.With("quay.io/a")))).Patch);
    }

    [Fact]
    public async Task A_wrong_configuration_ends_it_with_status_2_and_every_mistake_by_name()
    {
        var configuration = folder.Write("millpond.yaml", """
            listen: []
            admission:
              listen: http://127.0.0.1:0
              registry: nohost
              tls: {certificate: /nowhere/tls.crt}
              tiers: [defualt]
              ownImages: ["ghcr.io/acme/millpond:1"]
              oldRegistries: [b]
              excludeNamespaces: [Kube_System]
              colour: red
            """);

        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => MillpondProcess.StartAsync(Data, ["--config", configuration]));

        Assert.StartsWith("millpond ended at once with status 2:", failure.Message, StringComparison.Ordinal);
        Assert.Equal(
            [
                "3: admission.listen", "4: admission.registry", "5: admission.tls.certificate", "5: admission.tls.key", "6: admission.tiers",
                "7: admission.ownImages", "8: admission.oldRegistries", "9: admission.excludeNamespaces", "10: admission.colour",
            ],
            MistakeLines().Matches(failure.Message).Select(match => match.Groups[1].Value).Distinct().OrderBy(place => int.Parse(place.Split(':')[0], null)).ThenBy(place => place, StringComparer.Ordinal));
        Assert.False(Directory.Exists(Data));
    }

    [GeneratedRegex("listening on ")]
    private static partial Regex ListeningLines();

    [GeneratedRegex(@"millpond\.yaml:(\d+: [a-zA-Z.]+): ")]
    private static partial Regex MistakeLines();

    private static string PrintedAuthority(MillpondProcess millpond)
    {
        var line = millpond.Output.Split('\n').Select(line => line.Split("caBundle: ")).First(parts => parts.Length == 2);
        return Encoding.UTF8.GetString(Convert.FromBase64String(line[1].Split('"')[0].Trim()));
    }

    private static async Task<HttpClient> ClientAsync(MillpondProcess millpond, string authority)
    {
        var transport = new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = Reviewer.Trust(authority) } };
        return new HttpClient(transport) { BaseAddress = await millpond.AddressAsync("admission"), Timeout = Patience.Limit };
    }

    private static async Task<JsonNode> CreateAsync(HttpClient client, JsonNode pod) => JsonPatch.Apply(pod, (await AskAsync(client, Reviewer.Request(pod))).Patch);

    private static async Task<Reviewed> AskAsync(HttpClient client, JsonObject request)
    {
        using var content = new StringContent(Reviewer.Review(request).ToJsonString(), Encoding.UTF8, "application/json");
        using var answer = await client.PostAsync(new Uri("/admit?timeout=2s", UriKind.Relative), content, TestContext.Current.CancellationToken);
        var reviewed = new Reviewed(JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!.AsObject());
        Assert.Equal((string?)request["uid"], (string?)reviewed.Response["uid"]);
        Assert.True(reviewed.IsAllowed);
        return reviewed;
    }

    private static async Task<bool> IsTrustedAsync(HttpClient client, CancellationToken cancellationToken)
    {
        try
        {
            (await client.GetAsync(new Uri("/admit", UriKind.Relative), cancellationToken)).Dispose();
            return true;
        }
        catch (HttpRequestException refused) when (refused.HttpRequestError == HttpRequestError.SecureConnectionError)
        {
            return false;
        }
    }

    private static async Task WhenRefusedAsync(Uri address)
    {
        using var patience = new CancellationTokenSource(Patience.Limit, TimeProvider.System);
        while (true)
        {
            try
            {
                using var socket = new TcpClient();
                await socket.ConnectAsync(address.Host, address.Port, patience.Token);
            }
            catch (SocketException)
            {
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, patience.Token);
        }
    }

    private string Configuration(string certificate) => folder.Write("millpond.yaml", $"""
        listen: []
        admission:
          listen: https://127.0.0.1:0
          registry: {Registry}
          {certificate}
        """);

    /// <summary>A review of which the server has begun to read the body.</summary>
    private sealed class BegunReview(TcpClient socket, SslStream stream, string body) : IDisposable
    {
        public static async Task<BegunReview> StartAsync(Uri address, string authority, string image)
        {
            var socket = new TcpClient();
            await socket.ConnectAsync(address.Host, address.Port, TestContext.Current.CancellationToken);
            var stream = new SslStream(socket.GetStream());
            var options = new SslClientAuthenticationOptions { TargetHost = address.Host, CertificateChainPolicy = Reviewer.Trust(authority) };
            await stream.AuthenticateAsClientAsync(options, TestContext.Current.CancellationToken);
            var body = Reviewer.Review(Reviewer.Request(Pods.With(image))).ToJsonString();
            var head = $"POST /admit HTTP/1.1\r\nHost: {address.Authority}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
            await stream.WriteAsync(Encoding.ASCII.GetBytes(head), TestContext.Current.CancellationToken);
            var answer = new byte[25];
            await stream.ReadExactlyAsync(answer, TestContext.Current.CancellationToken);
            Assert.Equal("HTTP/1.1 100 Continue\r\n\r\n", Encoding.ASCII.GetString(answer));
            await stream.WriteAsync(Encoding.ASCII.GetBytes(body[..(body.Length / 2)]), TestContext.Current.CancellationToken);
            return new(socket, stream, body);
        }

        /// <summary>Sends the other half; gives the image of the answer.</summary>
        public async Task<string?> FinishAsync()
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes(body[(body.Length / 2)..]), TestContext.Current.CancellationToken);
            var answer = await ReadAsync();
            Assert.StartsWith("HTTP/1.1 200 OK\r\n", answer, StringComparison.Ordinal);
            var reviewed = new Reviewed(JsonNode.Parse(answer[answer.IndexOf("\r\n\r\n", StringComparison.Ordinal)..])!.AsObject());
            return Pods.Images(JsonPatch.Apply(JsonNode.Parse(body)!["request"]!["object"]!, reviewed.Patch)).Single();
        }

        /// <summary>Until the server has nothing more to say.</summary>
        public async Task<string> ReadAsync()
        {
            using var reader = new StreamReader(stream, leaveOpen: true);
            return await reader.ReadToEndAsync(TestContext.Current.CancellationToken).WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        }

        public void Dispose()
        {
            stream.Dispose();
            socket.Dispose();
        }
    }
}
