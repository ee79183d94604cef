using Millpond.Cli;
using Millpond.Cli.Logins;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Rewriting;

namespace Millpond.Tests.Cli;

/// <summary>Where the login for a server comes from, and where it never goes.</summary>
public sealed class CredentialHelperTests : IDisposable
{
    private const string Secret = "a:secret";

    private static readonly string Folder = Directory.CreateTempSubdirectory("millpond-helpers-").FullName;

    private readonly TemporaryFolder folder = new();

    static CredentialHelperTests()
    {
        // Programs are looked for on the PATH, which a process has once: names of this class alone, behind all that was there.
        Environment.SetEnvironmentVariable("PATH", $"{Environment.GetEnvironmentVariable("PATH")}:{Folder}");
        Helper("mptest-good", $$"""[ "$1" = get ] && read -r server; printf '{"ServerURL":"%s","Username":"alice","Secret":"{{Secret}}"}' "$server"; printf '%s' "$server" > "$0.asked" """);
        Helper("mptest-token", """cat > /dev/null; echo '{"ServerURL":"x","Username":"<token>","Secret":"s3cr3t-token"}'""");
        Helper("mptest-none", """cat > /dev/null; echo "credentials not found s3cr3t"; exit 1""");
        Helper("mptest-odd", """cat > /dev/null; echo 's3cr3t, no JSON'; echo s3cr3t >&2""");
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("""{"credHelpers": {"SERVER": "mptest-good"}, "credsStore": "mptest-none"}""")]
    [InlineData("""{"auths": {"SERVER": {}}, "credsStore": "mptest-good"}""")]
    [InlineData("""{"credHelpers": {"other.example.com": "mptest-none"}, "credsStore": "mptest-good"}""")]
    public async Task A_helper_is_asked_when_the_server_asks_for_a_login(string file)
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var host = await MillpondHost.StartAsync(upstream);
        await using var proxy = await LoginProxy.StartAsync(host.Address);
        var run = await RewriteAsync(proxy.Address, file.Replace("SERVER", proxy.Address.Authority, StringComparison.Ordinal));
        Assert.Equal((0, ""), (run.ExitCode, run.Messages));
        Assert.Null(proxy.Authorizations[0]);
        Assert.NotNull(proxy.Authorizations[1]);

        proxy.Open = "";
        var asked = Path.Join(Folder, "docker-credential-mptest-good.asked");
        File.Delete(asked);
        Assert.Equal(0, (await RewriteAsync(proxy.Address, file.Replace("SERVER", proxy.Address.Authority, StringComparison.Ordinal))).ExitCode);
        Assert.False(File.Exists(asked));
    }

    [Theory]
    [InlineData("mptest-none", "docker-credential-mptest-none has no login for")]
    [InlineData("mptest-token", "keeps a token")]
    [InlineData("mptest-odd", "did not answer as credential helpers do")]
    [InlineData("mptest-absent", "is not on the PATH")]
    [InlineData("../../bin/sh", "is no name of a credential helper")]
    public async Task A_helper_that_gives_none_is_named_and_what_it_prints_is_not(string helper, string message)
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var host = await MillpondHost.StartAsync(upstream);
        await using var proxy = await LoginProxy.StartAsync(host.Address);
        var run = await RewriteAsync(proxy.Address, $$"""{"credHelpers": {"{{proxy.Address.Authority}}": "{{helper}}" } }""");
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(message, run.Messages, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr3t", run.Messages, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://cache.example.com:5000", false)]
    [InlineData("http://10.0.0.7:5000", false)]
    [InlineData("https://cache.example.com:5000", true)]
    [InlineData("http://127.0.0.1:5000", true)]
    [InlineData("http://localhost:5000", true)]
    [InlineData("http://[::1]:5000", true)]
    public void No_password_is_readable_beyond_this_machine(string url, bool isSent)
    {
        var server = new Uri(url);
        var content = $$"""{"auths": {"{{server.Authority}}": {"auth": "YTpi"} } }""";
        var file = new FileInfo(folder.Write("auth.json", content));
        if (isSent)
        {
            Assert.Equal("b", DockerLogins.Read(file, server).GetCredential(server, "Basic")?.Password);
            Assert.Null(DockerLogins.Read(file, server).GetCredential(new Uri("https://other.example.com"), "Basic"));
        }
        else
        {
            Assert.Contains("use https", Assert.Throws<CommandFailedException>(() => DockerLogins.Read(file, server)).Message, StringComparison.Ordinal);
        }
    }

    private static void Helper(string name, string script)
    {
        var file = Path.Join(Folder, $"docker-credential-{name}");
        File.WriteAllText(file, $"#!/bin/sh\n{script}\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private Task<VerbRun> RewriteAsync(Uri server, string logins) => VerbRun.OfAsync(
        RewriteCommand.Create,
        YamlEditTests.Pod("image: nginx"),
        ["-", "-q", "--server", server.ToString(), "--auth-file", folder.Write("auth.json", logins)],
        TestContext.Current.CancellationToken);
}
