using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Millpond.Cli;
using Millpond.Cli.Charts;

namespace Millpond.Tests.Cli;

/// <summary>Charts as they lie on the disk: what <c>rewrite</c> reads of them for the values beside it, and what it leaves alone.</summary>
public sealed class ChartFilesTests : IDisposable
{
    private const string Template = "image: {{ .Values.image.registry | default \"quay.io\" }}/{{ .Values.image.repository }}\n";
    private const string Values = "image: {registry: \"\", repository: team/app}\n";
    private const string Changed = "image: {registry: \"cache.example.com/quay\", repository: team/app}\n";

    private static readonly string[] Options = ["--registry", "cache.example.com", "--tiers", "all"];

    private readonly string folder = Directory.CreateTempSubdirectory("millpond-chart-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("values.yaml")]
    [InlineData("values-prod.yaml")]
    [InlineData("ci/test-values.yaml")]
    public async Task Values_find_their_chart(string file)
    {
        Write("web/Chart.yaml", "name: web\nversion: 1.0.0\n");
        Write("web/templates/sub/_helpers.tpl", Template);
        Assert.Equal(Changed, (await RewriteAsync(Write($"web/{file}", Values))).Output);
        Assert.Equal(Values, (await RewriteAsync(Write($"other/{file}", Values))).Output);
    }

    [Fact]
    public async Task A_chart_with_its_parts_comes_back_to_the_byte()
    {
        Write("web/Chart.yaml", "name: web\ndependencies:\n- {name: db, version: 1}\n- {name: cache, version: 1}\n- {name: gone, version: 1}\n");
        Write("web/templates/x.yaml", Template);
        Write("web/charts/db/Chart.yaml", "name: db\n");
        Write("web/charts/db/values.yaml", "image:\n  registry: docker.io\n  repository: bitnami/db\n");
        Pack("web/charts/cache-1.0.0.tgz", ("cache/Chart.yaml", "name: cache\n"), ("cache/values.yaml", "image: {registry: ghcr.io, repository: x}\n"));
        var values = Write("web/values.yaml", $"{Values}db:\n  image:\n    repository: team/db # ours\ncache: {{image: {{repository: team/cache}}}}\ngone: {{image: {{repository: team/gone}}}}\n");
        var before = Contents();
        var record = Path.Join(folder, "record.json");

        var first = await RunAsync(RewriteCommand.Create, ["web", "--in-place", "--record", record, "--explain", .. Options]);
        Assert.Equal(0, first.ExitCode);
        Assert.Equal(
            $"{Changed}db:\n  image:\n    repository: team/db # ours\n    registry: cache.example.com/docker-hub\n"
            + "cache: {image: {repository: team/cache, registry: cache.example.com/ghcr}}\ngone: {image: {repository: team/gone}}\n",
            File.ReadAllText(values));
        Assert.Contains("team/gone: unknown-registry: ", first.Messages, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync(RewriteCommand.Create, ["web", "--check", .. Options])).ExitCode);

        Assert.Equal(0, (await RunAsync(RestoreCommand.Create, ["--record", record, "--under", folder, "--in-place", "-q"])).ExitCode);
        File.Delete(record);
        Assert.Equal(before, Contents());
    }

    [Fact]
    public async Task What_leads_out_of_a_chart_or_is_no_file_says_nothing()
    {
        Write("web/Chart.yaml", "name: web\n");
        Write("secret.tpl", Template);
        Directory.CreateDirectory(Path.Join(folder, "web/templates"));
        File.CreateSymbolicLink(Path.Join(folder, "web/templates/x.tpl"), Path.Join(folder, "secret.tpl"));
        File.CreateSymbolicLink(Path.Join(folder, "web/templates/y"), folder);
        File.CreateSymbolicLink(Path.Join(folder, "web/templates/zero.yaml"), "/dev/zero");
        Assert.Equal(Values, (await RewriteAsync(Write("web/values.yaml", Values))).Output);
    }

    [Theory]
    [InlineData(64)]
    [InlineData(4096)]
    public async Task A_broken_package_says_nothing_and_stops_nobody(int seed)
    {
        Write("web/Chart.yaml", "name: web\ndependencies: [{name: db, version: 1}]\n");
        var values = Write("web/values.yaml", "db: {image: {repository: team/db}}\n");
        var package = Pack("web/charts/db-1.0.0.tgz", ("db/Chart.yaml", "name: db\n"), ("db/values.yaml", "image: {registry: quay.io}\n"));
        var whole = File.ReadAllBytes(package);
        var random = new Random(seed);
        for (var i = 0; i < 60; i++)
        {
            var broken = whole[..random.Next(1, whole.Length)];
            broken[random.Next(broken.Length)] ^= (byte)random.Next(1, 256);
            File.WriteAllBytes(package, i % 2 == 0 ? broken : Gzip(Mutated(Gunzip(whole), random)));
            Assert.Equal(0, (await RewriteAsync(values)).ExitCode);
        }
    }

    [Fact]
    public void A_small_package_that_unpacks_to_very_much_is_refused()
    {
        using var packed = new MemoryStream(Gzip(new byte[80 << 20]));
        Assert.Throws<InvalidDataException>(() => ChartPackage.Read(packed, 1 << 20, 32 << 20, 100));
        using var longFile = new MemoryStream(Gzip(Tar(("db/values.yaml", new string('#', 2 << 20)))));
        Assert.Throws<InvalidDataException>(() => ChartPackage.Read(longFile, 1 << 20, 32 << 20, 100));
    }

    private async Task<VerbRun> RewriteAsync(string file) => await RunAsync(RewriteCommand.Create, [file, "-q", .. Options]);

    private async Task<VerbRun> RunAsync(Func<Streams, System.CommandLine.Command> verb, string[] arguments) =>
        await VerbRun.OfAsync(verb, "", arguments.Select(argument => argument == "web" ? Path.Join(folder, "web") : argument), TestContext.Current.CancellationToken);

    private SortedDictionary<string, string> Contents() => new(
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).ToDictionary(path => path, path => Convert.ToHexString(File.ReadAllBytes(path))), StringComparer.Ordinal);

    private string Write(string name, string content)
    {
        var path = Path.Join(folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }

    private string Pack(string name, params (string Path, string Text)[] files)
    {
        var path = Write(name, "");
        File.WriteAllBytes(path, Gzip(Tar(files)));
        return path;
    }

    private static byte[] Tar(params (string Path, string Text)[] files)
    {
        using var bytes = new MemoryStream();
        using (var archive = new TarWriter(bytes, leaveOpen: true))
        {
            foreach (var (path, text) in files)
            {
                archive.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, path) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text)) });
            }
        }

        return bytes.ToArray();
    }

    private static byte[] Gzip(byte[] content)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write(content);
        }

        return packed.ToArray();
    }

    private static byte[] Gunzip(byte[] packed)
    {
        using var gzip = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
        using var content = new MemoryStream();
        gzip.CopyTo(content);
        return content.ToArray();
    }

    private static byte[] Mutated(byte[] content, Random random)
    {
        for (var times = random.Next(1, 6); times > 0; times--)
        {
            content[random.Next(Math.Min(content.Length, 2048))] = (byte)random.Next(256);
        }

        return content[..random.Next(1, content.Length + 1)];
    }
}
