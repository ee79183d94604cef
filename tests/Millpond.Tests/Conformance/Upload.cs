namespace Millpond.Tests.Conformance;

/// <summary>An upload under way: keeps the location that the registry gave last.</summary>
internal sealed class Upload
{
    private readonly RegistryUnderTest registry;

    private Upload(RegistryUnderTest registry, string location)
    {
        this.registry = registry;
        Location = location;
    }

    /// <summary>Where the next request of it goes.</summary>
    public string Location { get; set; }

    public static async Task<Upload> StartAsync(RegistryUnderTest registry, string repository, string query = "")
    {
        var answer = (await registry.PostAsync($"/v2/{repository}/blobs/uploads/{query}")).Expect(202);
        return At(registry, answer.Header("Location"));
    }

    public static Upload At(RegistryUnderTest registry, string location) => new(registry, location);

    /// <param name="content">The chunk.</param>
    /// <param name="from">Where it begins; null to leave that out.</param>
    public Task<Answer> PatchAsync(ReadOnlyMemory<byte> content, long? from) => PatchAsync(content, Range(content, from));

    public Task<Answer> PatchAsync(ReadOnlyMemory<byte> content, string? contentRange) =>
        SendAsync(HttpMethod.Patch, Location, RegistryUnderTest.Octets(content, contentRange: contentRange));

    public Task<Answer> StreamAsync(ReadOnlyMemory<byte> content) => SendAsync(HttpMethod.Patch, Location, RegistryUnderTest.Stream(content));

    /// <summary>Sends the beginning of what it promises, and hangs up.</summary>
    public async Task BreakAsync(ReadOnlyMemory<byte> content, long promised) =>
        await Assert.ThrowsAnyAsync<Exception>(() => SendAsync(HttpMethod.Patch, Location, RegistryUnderTest.Broken(content, promised)));

    /// <param name="digest">As the client says it, right or wrong; null to leave it out.</param>
    /// <param name="content">The last chunk.</param>
    /// <param name="from">Where that begins; null to leave that out.</param>
    public Task<Answer> PutAsync(object? digest, ReadOnlyMemory<byte> content = default, long? from = null) =>
        SendAsync(HttpMethod.Put, With(digest), RegistryUnderTest.Octets(content, contentRange: Range(content, from)));

    public Task<Answer> StreamPutAsync(object digest, ReadOnlyMemory<byte> content) => SendAsync(HttpMethod.Put, With(digest), RegistryUnderTest.Stream(content));

    public Task<Answer> StateAsync() => SendAsync(HttpMethod.Get, Location);

    public Task<Answer> CancelAsync() => SendAsync(HttpMethod.Delete, Location);

    /// <summary>The digest as a query. Clients escape its colon or do not; here a blob's last digit decides.</summary>
    public static string Query(object digest)
    {
        var escaped = Uri.EscapeDataString($"{digest}");
        return $"digest={(escaped.Length > 0 && escaped[^1] % 2 == 0 ? escaped.Replace("%3A", ":", StringComparison.Ordinal) : escaped)}";
    }

    private static string? Range(ReadOnlyMemory<byte> content, long? from) => from is { } start ? $"{start}-{start + content.Length - 1}" : null;

    private string With(object? digest) => digest is null ? Location : $"{Location}{(Location.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{Query(digest)}";

    private async Task<Answer> SendAsync(HttpMethod method, string target, HttpContent? body = null)
    {
        var answer = await registry.SendAsync(method, target, body);
        if (answer.Status is 202 or 204 or 416 && answer.HeaderOrNull("Location") is { } next)
        {
            Location = next;
        }

        return answer;
    }
}
