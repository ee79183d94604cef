using Millpond.Cli;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cli;

/// <summary>Files that are written and put back: nothing of the cache stays behind.</summary>
public sealed class MirrorCommandTests : IDisposable
{
    private const string Server = "http://cache.corp.example:5000";

    private readonly TemporaryFolder folder = new();
    private readonly string root;

    public MirrorCommandTests() => root = folder.Path;

    public void Dispose() => folder.Dispose();

    public static TheoryData<string, string, string, string> Formats => new()
    {
        { "registries-conf", "--file", "conf.d/50-millpond.conf", "# mine\nunqualified-search-registries = [\"docker.io\"]\r\n" },
        { "docker", "--file", "docker/daemon.json", "{\"debug\":true,   \"hosts\":[ ]}" },
        { "k3s", "--file", "k3s/registries.yaml", "# a comment\nmirrors:\n    quay.io: {endpoint: [\"https://q.example\"]}\n\n" },
        { "rke2", "--file", "rke2/registries.yaml", "configs: {}" },
        { "containerd", "--dir", "certs.d/quay.io/hosts.toml", "server = \"https://quay.io\"\n" },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public void What_was_there_is_put_back_byte_for_byte(string format, string option, string name, string content)
    {
        var file = Write(name, content);
        var place = option == "--dir" ? Path.Join(root, "certs.d") : file;
        for (var round = 0; round < 2; round++)
        {
            Assert.Equal(0, Run(format, "--endpoint", Server, option, place).ExitCode);
            Assert.Contains("cache.corp.example:5000", File.ReadAllText(file), StringComparison.Ordinal);
            // Again, also for another server: what is put back is what was there first.
            Assert.Equal(0, Run(format, "--endpoint", Server, option, place).ExitCode);
            Assert.Equal(0, Run(format, "--endpoint", "https://mill.example", option, place).ExitCode);
            Assert.DoesNotContain("cache.corp.example", File.ReadAllText(file), StringComparison.Ordinal);
            Assert.Equal(0, Run(format, "--remove", option, place).ExitCode);
            Assert.Equal(content, File.ReadAllText(file));
            Assert.Equal([file], Files());
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Where_nothing_was_nothing_stays(string format, string option, string name, string content)
    {
        var place = option == "--dir" ? Path.Join(root, "new/certs.d") : Path.Join(root, "new", name);
        Assert.Equal(0, Run(format, "--endpoint", Server, option, place, "--print").ExitCode);
        Assert.Empty(Directory.EnumerateFileSystemEntries(root));
        Assert.Equal(0, Run(format, "--endpoint", Server, option, place).ExitCode);
        Assert.NotEmpty(Files());
        Assert.Equal(0, Run(format, "--remove", option, place).ExitCode);
        Assert.Empty(Directory.EnumerateFileSystemEntries(root));
        Assert.Equal(0, Run(format, "--remove", option, place).ExitCode);
        Assert.NotEmpty(content);
    }

    [Fact]
    public void Kind_leaves_nothing_either()
    {
        var place = Path.Join(root, "kind");
        Assert.Contains("kind create cluster", Run("kind", "--endpoint", Server, "--dir", place, "--tiers", "all").Output, StringComparison.Ordinal);
        Assert.Contains(place + "/certs.d", File.ReadAllText(Path.Join(place, "kind.yaml")), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Join(place, "certs.d/docker.io/hosts.toml")));
        Assert.Equal(0, Run("kind", "--remove", "--dir", place).ExitCode);
        Assert.Empty(Directory.EnumerateFileSystemEntries(root));
    }

    [Fact]
    public void Fewer_tiers_put_back_what_the_others_had()
    {
        var theirs = Write("certs.d/docker.io/hosts.toml", "server = \"https://registry-1.docker.io\"\n");
        var place = Path.Join(root, "certs.d");
        Run("containerd", "--endpoint", Server, "--dir", place, "--tiers", "all");
        Assert.True(File.Exists(Path.Join(place, "ghcr.io/hosts.toml")));
        Run("containerd", "--endpoint", Server, "--dir", place, "--tiers", "quay");
        Assert.False(Directory.Exists(Path.Join(place, "ghcr.io")));
        Assert.Equal("server = \"https://registry-1.docker.io\"\n", File.ReadAllText(theirs));
        Assert.True(File.Exists(Path.Join(place, "quay.io/hosts.toml")));
    }

    [Fact]
    public void A_file_that_someone_has_changed_since_is_left_alone_unless_forced()
    {
        var file = Write("conf/50-millpond.conf", "# mine\n");
        Run("registries-conf", "--endpoint", Server, "--file", file);
        File.AppendAllText(file, "# more\n");
        var edited = File.ReadAllText(file);

        var refused = Run("registries-conf", "--remove", "--file", file);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("--force", refused.Error, StringComparison.Ordinal);
        Assert.Equal(edited, File.ReadAllText(file));
        Assert.Equal(1, Run("registries-conf", "--endpoint", "http://other.example:1", "--file", file).ExitCode);

        Assert.Equal(0, Run("registries-conf", "--remove", "--file", file, "--force").ExitCode);
        Assert.Equal("# mine\n", File.ReadAllText(file));
        Assert.Equal(edited, File.ReadAllText(file + ".changed"));
    }

    [Fact]
    public void What_others_have_written_into_dockers_file_since_stays()
    {
        var file = Write("daemon.json", "{\"debug\": true}");
        Run("docker", "--endpoint", Server, "--file", file);
        File.WriteAllText(file, File.ReadAllText(file).Replace("\"debug\": true", "\"debug\": false", StringComparison.Ordinal));

        Assert.Equal(0, Run("docker", "--endpoint", "http://other.example:1", "--file", file).ExitCode);
        Assert.Contains("http://other.example:1", File.ReadAllText(file), StringComparison.Ordinal);
        Assert.DoesNotContain(Server, File.ReadAllText(file), StringComparison.Ordinal);

        File.WriteAllText(file, File.ReadAllText(file).Replace("\"debug\": false", "\"debug\": null", StringComparison.Ordinal));
        Assert.Equal(0, Run("docker", "--remove", "--file", file).ExitCode);
        Assert.Equal("{\n  \"debug\": null\n}\n", File.ReadAllText(file));
        Assert.Equal([file], Files());
    }

    [Fact]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public void The_mode_of_a_file_is_kept_and_the_record_is_for_the_owner_alone()
    {
        var file = Write("registries.yaml", "configs: {a: {auth: {password: secret}}}\n");
        const UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;
        File.SetUnixFileMode(file, mode);
        Run("k3s", "--endpoint", Server, "--file", file);
        Assert.Equal(mode, File.GetUnixFileMode(file));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file + ".millpond"));
        Run("k3s", "--remove", "--file", file);
        Assert.Equal(mode, File.GetUnixFileMode(file));
    }

    [Fact]
    public void An_entry_that_rewrites_paths_is_refused_with_words()
    {
        const string Before = "mirrors:\n  quay.io:\n    endpoint: [https://harbor.example]\n    rewrite:\n      \"^(.*)$\": \"proxy/$1\"\n";
        var file = Write("registries.yaml", Before);

        var run = Run("k3s", "--endpoint", Server, "--file", file);

        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains("quay.io has 'rewrite' settings", run.Error, StringComparison.Ordinal);
        Assert.Equal(Before, File.ReadAllText(file));
    }

    [Fact]
    public void Further_rules_of_the_server_are_mirrored_too()
    {
        var config = Write("millpond.yaml", "rules: [{prefix: team-a/harbor, upstream: harbor.corp.example:8443, upstreamRepositoryPrefix: team-a}]\n");
        var place = Path.Join(root, "certs.d");
        Assert.Equal(0, Run("containerd", "--endpoint", Server, "--dir", place, "--upstream", "gcr=gcr.io", "--tiers", "k8s").ExitCode);
        Assert.Equal(["gcr.io", "registry.k8s.io"], Hosts());
        Assert.Equal(0, Run("containerd", "--endpoint", Server, "--dir", place, "--config", config).ExitCode);
        Assert.Equal(["harbor.corp.example:8443", "quay.io", "registry.k8s.io"], Hosts());

        string?[] Hosts() => [.. Directory.EnumerateDirectories(place).Select(Path.GetFileName).Order(StringComparer.Ordinal)];
    }

    [Theory]
    [InlineData("containerd")]
    [InlineData("containerd", "--endpoint", "cache:5000")]
    [InlineData("containerd", "--endpoint", "http://cache:5000/path")]
    [InlineData("containerd", "--endpoint", "http://u:p@cache:5000")]
    [InlineData("containerd", "--endpoint", Server, "--tiers", "quai")]
    [InlineData("containerd", "--endpoint", Server, "--upstream", "nonsense")]
    [InlineData("containerd", "--endpoint", Server, "--tiers", "all", "--config", "millpond.yaml")]
    public void What_cannot_be_is_refused_before_anything_is_written(params string[] arguments)
    {
        var run = Run([.. arguments, "--dir", root]);
        Assert.Equal(2, run.ExitCode);
        Assert.NotEmpty(run.Error);
        Assert.Empty(Directory.EnumerateFileSystemEntries(root));
    }

    [Theory]
    [InlineData("{\"debug\": true}")]
    [InlineData(null)]
    public void A_link_stays_one(string? content)
    {
        var (real, link) = (Path.Join(root, "real.json"), Path.Join(root, "daemon.json"));
        if (content is not null)
        {
            Write("real.json", content);
        }

        File.CreateSymbolicLink(link, "real.json");
        Assert.Equal(0, Run("docker", "--endpoint", Server, "--file", link).ExitCode);
        Assert.Contains("cache.corp.example", File.ReadAllText(real), StringComparison.Ordinal);
        Assert.Equal(0, Run("docker", "--remove", "--file", link).ExitCode);
        Assert.Equal("real.json", new FileInfo(link).LinkTarget);
        Assert.Equal(content, File.Exists(real) ? File.ReadAllText(real) : null);
    }

    [Fact]
    public void A_folder_in_a_files_place_is_told_and_nothing_is_left_beside_it()
    {
        var place = Directory.CreateDirectory(Path.Join(root, "daemon.json")).FullName;
        var run = Run("docker", "--endpoint", Server, "--file", place);
        Assert.Equal((1, $"{place} is a folder; name a file.\n"), (run.ExitCode, run.Error));
        Assert.Equal([place], Directory.EnumerateFileSystemEntries(root));
    }

    [Theory]
    [InlineData("--endpoint", Server)]
    [InlineData("--remove")]
    public void A_damaged_record_is_named_and_nothing_is_touched(params string[] arguments)
    {
        var (file, record) = (Write("daemon.json", "{}"), Write("daemon.json.millpond", "damaged"));
        var run = Run(["docker", .. arguments, "--file", file]);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains($"{record} is damaged", run.Error, StringComparison.Ordinal);
        Assert.Equal(("{}", "damaged"), (File.ReadAllText(file), File.ReadAllText(record)));
    }

    [Fact]
    public void A_damaged_file_of_docker_is_not_touched()
    {
        var file = Write("daemon.json", "{ nonsense");
        var run = Run("docker", "--endpoint", Server, "--file", file);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal([file], Files());
        Assert.Equal("{ nonsense", File.ReadAllText(file));
    }

    private static CommandRun Run(params string[] arguments) => CommandRun.Of(MirrorCommand.Create(), arguments);

    private string Write(string name, string content)
    {
        var file = Path.Join(root, name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, content);
        return file;
    }

    private string[] Files() => Directory.GetFiles(root, "*", SearchOption.AllDirectories);
}
