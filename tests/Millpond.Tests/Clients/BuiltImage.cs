using System.Text.Json.Nodes;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>The image of deploy/Dockerfile.folder, built once for a class of tests, and podman to run it, in a storage of their own.</summary>
public sealed class BuiltImage : IAsyncLifetime
{
    public const string Name = "localhost/millpond";

    private readonly TemporaryFolder storage = new();
    private readonly List<string> containers = [];
    private readonly Lazy<Task> made;

    public BuiltImage() => made = new(MakeAsync);

    private string[] Storage => ["--root", storage.File("root"), "--runroot", storage.File("run"), "--storage-driver", "vfs", "--runtime", "runc", "--cgroup-manager", "cgroupfs"];

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>Builds it where no test before has; skips the test where it cannot be built.</summary>
    public Task MadeAsync()
    {
        foreach (var program in (string[])["buildah", "podman", "runc"])
        {
            RequireClient.OrSkip(program);
        }

        Assert.SkipUnless(Environment.UserName == "root" || Environment.GetEnvironmentVariable("CI") is { Length: > 0 }, "building an image here needs root");
        return made.Value;
    }

    /// <summary>Runs it as strictly as Kubernetes would: no rights, nothing writable but volumes; on this machine's network.</summary>
    /// <param name="options">Of <c>podman run</c>.</param>
    /// <param name="arguments">Of the program; none for the image's own.</param>
    internal Task<ClientAnswer> RunAsync(string[] options, params string[] arguments) => PodmanAsync(
        ["run", "--network", "host", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000", "--read-only", "--read-only-tmpfs=false", "--cap-drop", "all",
            "--security-opt", "no-new-privileges", .. options, Name, .. arguments]);

    /// <summary>The same in the background; gives the container's number.</summary>
    internal async Task<string> StartAsync(string[] options, params string[] arguments)
    {
        var container = (await RunAsync(["--detach", .. options], arguments)).ShouldSucceed().Output.Trim();
        containers.Add(container);
        return container;
    }

    internal async Task<JsonNode> InspectAsync(string kind, string name) =>
        JsonNode.Parse((await PodmanAsync(kind, "inspect", name)).ShouldSucceed().Output)!.AsArray().Single()!;

    internal async Task<ClientAnswer> PodmanAsync(params string[] arguments)
    {
        using var podman = new ClientProgram("podman");
        return await podman.RunAsync([.. Storage, .. arguments]);
    }

    /// <summary>What the program in the container listens on, of its <paramref name="start"/>th start.</summary>
    internal async Task<Uri> AddressAsync(string container, int start = 1)
    {
        const string Words = "listening on ";
        using var patience = new CancellationTokenSource(Patience.Limit, TimeProvider.System);
        while (true)
        {
            var log = await PodmanAsync("logs", container);
            var lines = log.Output.Split('\n').Where(line => line.Contains(Words, StringComparison.Ordinal)).ToList();
            if (lines.Count >= start)
            {
                return new Uri(lines[start - 1].Split(Words)[1].Split(' ')[0]);
            }

            Assert.False(patience.IsCancellationRequested, $"The program in the container does not listen:\n{log}");
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, CancellationToken.None);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var container in containers)
        {
            await PodmanAsync("rm", "--force", "--volumes", container);
        }

        storage.Dispose();
    }

    private async Task MakeAsync()
    {
        using var script = new ClientProgram(Path.Join(RequireClient.Repository, "tests/tools/build-image.sh")) { Limit = TimeSpan.FromMinutes(5) };
        script.Environment["HOME"] = Environment.GetEnvironmentVariable("HOME") ?? "/root";
        (await script.RunAsync(storage.Path)).ShouldSucceed();
    }
}
