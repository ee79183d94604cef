using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Access;
using Millpond.Server.Configuration;
using Millpond.Tests.Architecture;
using Millpond.Tests.Ecr;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Access;

/// <summary>Who may what under <c>/v2/</c>, in token mode: every route for every kind of caller.</summary>
public sealed class RegistryAccessTests
{
    private const string Account = "111111111111";

    private static readonly string[] Callers = ["none", "wrong", "expired", "stranger", "other account", "reader", "puller", "pusher", "owner"];

    /// <summary>
    /// In the order of the callers above. The reader may read what is here and has no right to have upstream asked; the puller has, and then it is here.
    /// </summary>
    public static TheoryData<string, string> Routes { get; } = new()
    {
        { "GET /v2/", "401 401 401 200 200 200 200 200 200" },
        { "GET /v2/_catalog", "401 401 401 200 200 200 200 200 200" },
        { "GET /v2/up/app/manifests/warm", "401 401 401 403 403 200 200 200 200" },
        { "HEAD /v2/up/app/manifests/warm", "401 401 401 403 403 200 200 200 200" },
        { "GET /v2/up/app/blobs/LAYER", "401 401 401 403 403 200 200 200 200" },
        { "HEAD /v2/up/app/blobs/LAYER", "401 401 401 403 403 200 200 200 200" },
        { "GET /v2/up/app/manifests/cold", "401 401 401 403 403 403 200 200 200" },
        { "GET /v2/up/app/tags/list", "401 401 401 403 403 200 403 200 200" },
        { "GET /v2/up/app/referrers/LAYER", "401 401 401 403 403 403 200 200 200" },
        { "GET /v2/nothing/app/manifests/1", "401 401 401 403 403 404 404 404 404" },
        { "GET /v2/open/app/manifests/warm", "200 200 200 200 200 200 200 200 200" },
        { "GET /v2/open/app/manifests/cold", "200 200 200 200 200 200 200 200 200" },
        { "POST /v2/own/app/blobs/uploads/", "401 401 401 403 403 403 403 403 202" },
        { "POST /v2/up/app/blobs/uploads/", "401 401 401 403 403 403 403 403 403" },
        { "PUT /v2/own/app/manifests/1", "401 401 401 403 403 403 403 403 400" },
        { "DELETE /v2/up/app/manifests/none", "401 401 401 403 403 403 403 403 404" },
        { "DELETE /v2/open/app/manifests/none", "401 401 401 403 403 403 403 403 404" },
        { "GET /healthz", "200 200 200 200 200 200 200 200 200" },
        { "GET /readyz", "200 200 200 200 200 200 200 200 200" },
        { "GET /metrics", "401 401 401 403 403 403 403 403 200" },
        { "GET /-/rules", "401 401 401 403 403 403 403 403 200" },
        { "GET /-/upstreams", "401 401 401 403 403 403 403 403 200" },
        { "GET /-/cost", "401 401 401 403 403 403 403 403 200" },
        { "GET /", "200 200 200 200 200 200 200 200 200" },
    };

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Each_route_is_for_whom_it_is(string route, string expected)
    {
        await using var world = await World.StartAsync();
        var found = new List<int>();
        foreach (var caller in Callers)
        {
            found.Add(await world.StatusAsync(caller, route));
        }

        Assert.Equal(expected, string.Join(' ', found));
    }

    [Fact]
    public void The_page_says_the_same()
    {
        var table = $"\n| route | {string.Join(" | ", Callers)} |\n|---|{string.Concat(Callers.Select(_ => "---|"))}\n"
            + string.Concat(Routes.Select(row => $"| `{row.Data.Item1}` | {row.Data.Item2.Replace(" ", " | ", StringComparison.Ordinal)} |\n"));
        DocumentPart.Check("access.md", "<!-- routes -->\n", table);
    }

    [Fact]
    public async Task The_first_answer_says_how_to_log_in()
    {
        await using var world = await World.StartAsync();
        using var answer = await world.SendAsync("none", HttpMethod.Get, "/v2/up/app/manifests/warm");
        var root = world.Host.Address.GetLeftPart(UriPartial.Authority);
        Assert.Equal(
            [$"Basic realm=\"{root}/\",service=\"ecr.amazonaws.com\"", $"Bearer realm=\"{root}/v2/token\",service=\"{world.Host.Address.Authority}\",scope=\"repository:up/app:pull\""],
            answer.Headers.NonValidated["WWW-Authenticate"]);
        Assert.Contains("UNAUTHORIZED", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refusal_names_the_permission_in_the_audit_line_alone()
    {
        await using var world = await World.StartAsync();
        using var answer = await world.SendAsync("other account", HttpMethod.Get, "/v2/up/app/manifests/warm");
        Assert.DoesNotContain("ecr:", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Contains(world.Host.Log.Lines, line => line.Message.Contains("ecr:BatchGetImage", StringComparison.Ordinal)
            && line.Message.Contains("because no resource-based policy", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_registry_s_policy_lets_another_account_in()
    {
        await using var world = await World.StartAsync();
        var policy = $$$"""{"Statement":{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"arn:aws:ecr:*:{{{Account}}}:repository/up/*"}}""";
        Assert.Equal(403, await world.StatusAsync("other account", "GET /v2/up/app/manifests/warm"));
        Assert.Equal(200, (await world.Root.EcrAsync("PutRegistryPolicy", System.Text.Json.JsonSerializer.Serialize(new { policyText = policy }))).Status);
        Assert.Equal(200, await world.StatusAsync("other account", "GET /v2/up/app/manifests/warm"));
        Assert.Equal(403, await world.StatusAsync("other account", "GET /v2/up/app/manifests/cold"));
        Assert.Equal(200, (await world.Root.EcrAsync("DeleteRegistryPolicy")).Status);
        Assert.Equal(403, await world.StatusAsync("other account", "GET /v2/up/app/manifests/warm"));
    }

    [Fact]
    public async Task Tokens_outlive_a_restart_and_end_with_their_key()
    {
        await using var world = await World.StartAsync();
        await world.Host.RestartAsync();
        Assert.Equal(200, await world.StatusAsync("puller", "GET /v2/"));
        var root = world.Root with { Address = world.Host.Address };
        Assert.Equal(200, (await root.OwnAsync("RotateAccessKey", $$"""{"arn":"arn:aws:iam::{{Account}}:role/puller"}""")).Status);
        Assert.Equal(401, await world.StatusAsync("puller", "GET /v2/"));
        Assert.Equal(200, (await root.OwnAsync("DeletePrincipal", $$"""{"arn":"arn:aws:iam::{{Account}}:role/reader"}""")).Status);
        Assert.Equal(401, await world.StatusAsync("reader", "GET /v2/"));
    }

    [Fact]
    public async Task The_token_service_gives_tokens_for_logins_and_for_nobody()
    {
        await using var world = await World.StartAsync();
        Assert.Equal(401, await world.StatusAsync("wrong", "GET /v2/token"));
        using var known = await world.SendAsync("puller", HttpMethod.Get, "/v2/token?service=x&scope=repository:up/app:pull");
        var bearer = "Bearer " + (string)JsonNode.Parse(await known.Content.ReadAsStringAsync())!["token"]!;
        using var nobody = await world.SendAsync("none", HttpMethod.Get, "/v2/token");
        var anonymous = "Bearer " + (string)JsonNode.Parse(await nobody.Content.ReadAsStringAsync())!["access_token"]!;
        Assert.Equal(200, await world.StatusOfAsync(bearer, "GET /v2/up/app/manifests/cold"));
        Assert.Equal(200, await world.StatusOfAsync(anonymous, "GET /v2/open/app/manifests/warm"));
        Assert.Equal(401, await world.StatusOfAsync(anonymous, "GET /v2/up/app/manifests/warm"));
        Assert.Equal(401, await world.StatusOfAsync(anonymous, "GET /v2/"));
        Assert.Equal(401, await world.StatusOfAsync("Basic Og==", "GET /v2/"));
        Assert.Equal(200, await world.StatusOfAsync("Basic Og==", "GET /v2/open/app/manifests/warm"));
    }

    [Fact]
    public async Task A_form_is_answered_as_oauth_has_it()
    {
        await using var world = await World.StartAsync();
        var login = Encoding.ASCII.GetString(Convert.FromBase64String(world.Logins["puller"]["Basic ".Length..])).Split(':');
        foreach (var (form, status) in new (Dictionary<string, string>, int)[]
        {
            (new() { ["grant_type"] = "password", ["username"] = login[0], ["password"] = login[1] }, 200),
            (new() { ["grant_type"] = "refresh_token", ["refresh_token"] = login[1] }, 200),
            (new() { ["grant_type"] = "password", ["username"] = "ci", ["password"] = "guess" }, 401),
        })
        {
            using var content = new FormUrlEncodedContent(form);
            using var answer = await world.Host.Client.PostAsync(new Uri(world.Host.Address, "/v2/token"), content);
            Assert.Equal(status, (int)answer.StatusCode);
        }
    }

    [Fact]
    public async Task A_check_is_not_forced_by_who_may_not()
    {
        await using var world = await World.StartAsync();
        foreach (var (caller, status) in new[] { ("none", 403), ("reader", 403), ("puller", 200) })
        {
            using var answer = await world.SendAsync(caller, HttpMethod.Get, "/v2/open/app/manifests/warm", "no-cache");
            Assert.Equal(status, (int)answer.StatusCode);
        }
    }

    [Fact]
    public async Task A_list_of_repositories_names_what_may_be_seen()
    {
        await using var world = await World.StartAsync();
        Assert.Equal("""{"repositories":["open/app","up/app"]}""", await CatalogAsync("owner"));
        Assert.Equal("""{"repositories":["open/app","up/app"]}""", await CatalogAsync("reader"));
        Assert.Equal("""{"repositories":["open/app"]}""", await CatalogAsync("puller"));

        async Task<string> CatalogAsync(string caller)
        {
            using var answer = await world.SendAsync(caller, HttpMethod.Get, "/v2/_catalog");
            return await answer.Content.ReadAsStringAsync();
        }
    }

    [Fact]
    public async Task Who_may_see_one_of_thousands_is_told_it_by_pages_that_name_nothing_else()
    {
        await using var world = await World.StartAsync();
        using (var catalog = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Path.Join(world.Host.DataFolder, "catalog", "catalog.db")}"))
        {
            catalog.Open();
            using var many = catalog.CreateCommand();
            many.CommandText = """
                WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999)
                INSERT INTO repositories (name, origin, rule) SELECT 'secret/' || printf('%05d', i), 0, NULL FROM n
                """;
            many.ExecuteNonQuery();
        }

        var pages = new List<string>();
        var next = "/v2/_catalog?n=10";
        while (next is not null)
        {
            using var answer = await world.SendAsync("puller", HttpMethod.Get, next);
            Assert.Equal(200, (int)answer.StatusCode);
            pages.Add(await answer.Content.ReadAsStringAsync());
            next = answer.Headers.TryGetValues("Link", out var link) ? link.Single().Split('<', '>')[1] : null;
            Assert.DoesNotContain("secret", next ?? "", StringComparison.Ordinal);
            Assert.InRange(pages.Count, 1, 5);
        }

        Assert.Equal("""{"repositories":["open/app"]}""", pages[0]);
        Assert.All(pages.Skip(1), page => Assert.Equal("""{"repositories":[]}""", page));
        Assert.InRange(pages.Count, 3, 4);
        using var wrong = await world.SendAsync("puller", HttpMethod.Get, "/v2/_catalog?last=~AAAA");
        Assert.Contains("open/app", await wrong.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Robots_log_in_by_password_and_wrong_ones_are_bounded()
    {
        var clock = new FakeTimeProvider();
        await using var world = await World.StartAsync(clock);
        var made = await world.Root.OwnAsync("CreateRobot", """{"name":"ci","policies":["PullOnly"]}""");
        var right = Basic("ci", (string)made.Json["password"]!);
        Assert.Equal(200, await world.StatusOfAsync(right, "GET /v2/up/app/manifests/warm"));
        for (var tries = 0; tries < 20; tries++)
        {
            Assert.Equal(401, await world.StatusOfAsync(Basic("ci", $"guess-{tries}"), "GET /v2/"));
        }

        Assert.Equal(429, await world.StatusOfAsync(Basic("ci", "another"), "GET /v2/"));
        Assert.Equal(200, await world.StatusOfAsync(right, "GET /v2/up/app/manifests/warm"));
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(401, await world.StatusOfAsync(Basic("ci", "another"), "GET /v2/"));
        Assert.Equal(200, (await world.Root.OwnAsync("DeleteRobot", """{"name":"ci"}""")).Status);
        Assert.Equal(401, await world.StatusOfAsync(right, "GET /v2/"));
    }

    [Fact]
    public async Task Robots_of_a_file_are_read_again_when_it_changes()
    {
        using var folder = new TemporaryFolder();
        var file = folder.File("robots");
        File.WriteAllText(file, $"# robots\nci:{PasswordHash.OfRandom("first")}:ReadOnly,PullOnly\nbroken\n");
        var clock = new FakeTimeProvider();
        await using var world = await World.StartAsync(clock, file);
        Assert.Equal(200, await world.StatusOfAsync(Basic("ci", "first"), "GET /v2/up/app/manifests/warm"));
        Assert.Contains(world.Host.Log.Lines, line => line.Message.Contains("line 3 is left out", StringComparison.Ordinal));
        File.WriteAllText(file, $"ci:{PasswordHash.OfRandom("second!")}:PullOnly\n");
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(401, await world.StatusOfAsync(Basic("ci", "first"), "GET /v2/"));
        Assert.Equal(200, await world.StatusOfAsync(Basic("ci", "second!"), "GET /v2/up/app/manifests/warm"));
    }

    private static string Basic(string user, string password) => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));

    /// <summary>A server in token mode with one rule for who has logged in and one for all, and somebody of each kind.</summary>
    private sealed class World(FakeUpstream upstream, MillpondHost host, AwsClient root, Digest layer) : IAsyncDisposable
    {
        public MillpondHost Host => host;

        public AwsClient Root => root;

        public Dictionary<string, string> Logins { get; } = [];

        public static async Task<World> StartAsync(FakeTimeProvider? clock = null, string? robots = null)
        {
            clock ??= new FakeTimeProvider();
            var upstream = await FakeUpstream.StartAsync();
            var image = TestImages.OnePlatform(1);
            upstream.Add("app", image, "warm");
            upstream.Add("app", TestImages.OnePlatform(2), "cold");
            var host = await MillpondHost.StartAsync(
                [MillpondHost.Rule("up", upstream) with { Access = AccessMode.Token }, MillpondHost.Rule("open", upstream)],
                new() { Time = clock, Configure = configuration => configuration with { Access = AccessMode.Token, Ecr = new(Account, "eu-west-1"), RobotsFile = robots } });
            var world = new World(upstream, host, AwsClient.Root(host, clock), image.Blobs[0].Digest);
            await world.LoginAsync(clock);
            Assert.Equal(200, await world.StatusAsync("owner", "GET /v2/up/app/manifests/warm"));
            foreach (var blob in image.Blobs)
            {
                Assert.Equal(200, await world.StatusAsync("owner", $"GET /v2/up/app/blobs/{blob.Digest}"));
            }

            Assert.Equal(200, await world.StatusAsync("owner", "GET /v2/open/app/manifests/warm"));
            return world;
        }

        public Task<int> StatusAsync(string caller, string route) => StatusOfAsync(Logins.GetValueOrDefault(caller), route);

        public async Task<int> StatusOfAsync(string? authorization, string route)
        {
            var (method, path) = (route.Split(' ')[0], route.Split(' ')[1].Replace("LAYER", layer.ToString(), StringComparison.Ordinal));
            using var answer = await SendOfAsync(authorization, new HttpMethod(method), path);
            return (int)answer.StatusCode;
        }

        public Task<HttpResponseMessage> SendAsync(string caller, HttpMethod method, string path, string? cacheControl = null) =>
            SendOfAsync(Logins.GetValueOrDefault(caller), method, path, cacheControl);

        public async ValueTask DisposeAsync()
        {
            await host.DisposeAsync();
            await upstream.DisposeAsync();
        }

        private Task<HttpResponseMessage> SendOfAsync(string? authorization, HttpMethod method, string path, string? cacheControl = null)
        {
            var request = new HttpRequestMessage(method, new Uri(host.Address, path));
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
            request.Headers.CacheControl = cacheControl is null ? null : CacheControlHeaderValue.Parse(cacheControl);
            if (method == HttpMethod.Put || method == HttpMethod.Post)
            {
                request.Content = new ByteArrayContent(Encoding.ASCII.GetBytes(method == HttpMethod.Put ? "{" : ""));
            }

            return host.Client.SendAsync(request);
        }

        private async Task LoginAsync(FakeTimeProvider clock)
        {
            var expired = await root.LoginAsync();
            clock.Advance(TimeSpan.FromHours(12));
            Logins["expired"] = expired;
            Logins["wrong"] = Basic("AWS", "no-token");
            Logins["stranger"] = await (await root.PrincipalAsync($"arn:aws:iam::{Account}:role/stranger", """{"Statement":{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}}""")).LoginAsync();
            Logins["other account"] = await (await root.PrincipalAsync("arn:aws:iam::222222222222:role/node", "PullOnly")).LoginAsync();
            Logins["reader"] = await (await root.PrincipalAsync($"arn:aws:iam::{Account}:role/reader", "ReadOnly")).LoginAsync();
            Logins["puller"] = await (await root.PrincipalAsync($"arn:aws:iam::{Account}:role/puller", "PullOnly")).LoginAsync();
            Logins["pusher"] = await (await root.PrincipalAsync($"arn:aws:iam::{Account}:user/pusher", "PowerUser")).LoginAsync();
            Logins["owner"] = await root.LoginAsync();
        }
    }
}
