using System.Text.RegularExpressions;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>The CNCF distribution registry over an empty folder, to which anybody pushes and from which anybody deletes.</summary>
internal sealed partial class EmptyRegistry : IAsyncDisposable
{
    private readonly TemporaryFolder folder;
    private readonly ServerProgram server;

    private EmptyRegistry(TemporaryFolder folder, ServerProgram server, Uri address)
    {
        this.folder = folder;
        this.server = server;
        Address = address;
    }

    public Uri Address { get; }

    public static async Task<EmptyRegistry> StartAsync()
    {
        var program = RequireClient.OrSkip("docker-registry");
        var folder = new TemporaryFolder();
        var configuration = folder.Write("registry.yml", $$"""
            version: 0.1
            storage: {filesystem: {rootdirectory: "{{folder.Path}}/storage"}, delete: {enabled: true} }
            http: {addr: "127.0.0.1:0"}
            """);
        var (server, line) = await ServerProgram.StartAsync(program, ["serve", configuration], "listening on ");
        return new EmptyRegistry(folder, server, new Uri($"http://127.0.0.1:{ListeningOn().Match(line).Groups[1].Value}"));
    }

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        folder.Dispose();
    }

    [GeneratedRegex(@"listening on 127\.0\.0\.1:([0-9]+)")]
    private static partial Regex ListeningOn();
}
