using Millpond.Server.Configuration;
using Millpond.Server.Credentials;

namespace Millpond.Tests.Credentials;

public sealed class UpstreamCredentialsTests : IDisposable
{
    private const string Secret = "dckr_pat_topsecret";

    private readonly string folder = Directory.CreateTempSubdirectory("millpond-credentials-").FullName;
    private readonly UpstreamCredentials credentials = new(_ => null);

    private string Path => System.IO.Path.Join(folder, "hub.json");

    private CredentialSource Source => new(Path, null, null);

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task None_is_anonymous()
    {
        Assert.Null(await credentials.GetAsync(null, CancellationToken.None));
        Assert.Equal("anonymous", credentials.VersionOf(null));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\ufeff")]
    public async Task A_file_is_read(string preamble)
    {
        await File.WriteAllTextAsync(Path, $"{preamble}{{\n \"username\": \"acme\", \"accessToken\": \"{Secret}\", \"note\": 1\n}}\n");

        var credential = await credentials.GetAsync(Source, CancellationToken.None);

        Assert.Equal(("acme", Secret), (credential!.Username, credential.AccessToken));
        Assert.Equal(credential.Version, credentials.VersionOf(Source));
        Assert.DoesNotContain(Secret, credential.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_version_changes_with_the_content_though_length_and_time_stay()
    {
        var time = new DateTime(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        var versions = new List<string>();
        foreach (var token in (string[])["aaaa", "bbbb", "aaaa"])
        {
            await File.WriteAllTextAsync(Path, $$"""{"username":"acme","accessToken":"{{token}}"}""");
            File.SetLastWriteTimeUtc(Path, time);
            versions.Add(credentials.VersionOf(Source));
        }

        Assert.NotEqual(versions[0], versions[1]);
        Assert.Equal(versions[0], versions[2]);
    }

    [Fact]
    public async Task The_version_tells_nothing_outside_its_process()
    {
        await File.WriteAllTextAsync(Path, $$"""{"username":"acme","accessToken":"{{Secret}}"}""");

        Assert.NotEqual(credentials.VersionOf(Source), new UpstreamCredentials(_ => null).VersionOf(Source));
    }

    [Fact]
    public async Task A_swapped_link_is_followed_as_Kubernetes_makes_them()
    {
        foreach (var revision in (string[])["..1", "..2"])
        {
            Directory.CreateDirectory(System.IO.Path.Join(folder, revision));
            await File.WriteAllTextAsync(System.IO.Path.Join(folder, revision, "hub.json"), $$"""{"username":"acme","accessToken":"token{{revision}}"}""");
        }

        var data = System.IO.Path.Join(folder, "..data");
        Directory.CreateSymbolicLink(data, "..1");
        File.CreateSymbolicLink(Path, "..data/hub.json");
        Assert.Equal("token..1", (await credentials.GetAsync(Source, CancellationToken.None))!.AccessToken);

        Directory.Delete(data);
        Directory.CreateSymbolicLink(data, "..2");
        Assert.Equal("token..2", (await credentials.GetAsync(Source, CancellationToken.None))!.AccessToken);
    }

    [Theory]
    [InlineData("")]
    [InlineData("dckr_pat_topsecret")]
    [InlineData("{\"username\":\"acme\",\"accessToken\":\"dckr_pat_topsecret\"")]
    [InlineData("{\"username\":\"acme\",\"accessToken\":dckr_pat_topsecret}")]
    [InlineData("[\"dckr_pat_topsecret\"]")]
    [InlineData("{\"username\":\"acme\",\"password\":\"dckr_pat_topsecret\"}")]
    [InlineData("{\"username\":\"\",\"accessToken\":\"dckr_pat_topsecret\"}")]
    [InlineData("{\"username\":7,\"accessToken\":\"dckr_pat_topsecret\"}")]
    [InlineData("{\"username\":\"a:b\",\"accessToken\":\"dckr_pat_topsecret\"}")]
    [InlineData("{\"username\":\"acme\",\"accessToken\":\"dckr_pat_topsecret\\r\\nX: y\"}")]
    public async Task A_malformed_file_is_named_without_its_content(string content)
    {
        await File.WriteAllTextAsync(Path, content);

        var unreadable = await Assert.ThrowsAsync<CredentialUnreadableException>(async () => await credentials.GetAsync(Source, CancellationToken.None));

        Assert.Contains(Path, unreadable.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("topsecret", unreadable.ToString(), StringComparison.Ordinal);
        Assert.Equal("unreadable", credentials.VersionOf(Source));
    }

    [Fact]
    public async Task A_missing_file_is_named_and_found_when_it_comes()
    {
        var unreadable = await Assert.ThrowsAsync<CredentialUnreadableException>(async () => await credentials.GetAsync(Source, CancellationToken.None));
        Assert.Equal($"credential file {Path} cannot be read: there is no such file", unreadable.Message);

        await File.WriteAllTextAsync(Path, $$"""{"username":"acme","accessToken":"{{Secret}}"}""");
        Assert.NotNull(await credentials.GetAsync(Source, CancellationToken.None));
    }

    [Fact]
    public async Task A_folder_or_a_huge_file_is_no_credential()
    {
        await Assert.ThrowsAsync<CredentialUnreadableException>(async () => await credentials.GetAsync(new(folder, null, null), CancellationToken.None));

        await File.WriteAllTextAsync(Path, new string(' ', 70_000));
        var large = await Assert.ThrowsAsync<CredentialUnreadableException>(async () => await credentials.GetAsync(Source, CancellationToken.None));
        Assert.Contains("64 KiB", large.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_environment_variables_are_a_credential()
    {
        var variables = new Dictionary<string, string> { ["HUB_USER"] = "acme", ["HUB_TOKEN"] = Secret };
        var fromEnvironment = new UpstreamCredentials(name => variables.GetValueOrDefault(name));
        var source = new CredentialSource(null, "HUB_USER", "HUB_TOKEN");
        Assert.Equal(Secret, (await fromEnvironment.GetAsync(source, CancellationToken.None))!.AccessToken);

        variables.Remove("HUB_TOKEN");
        var missing = await Assert.ThrowsAsync<CredentialUnreadableException>(async () => await fromEnvironment.GetAsync(source, CancellationToken.None));
        Assert.Contains("HUB_TOKEN is not set", missing.Message, StringComparison.Ordinal);
    }
}
