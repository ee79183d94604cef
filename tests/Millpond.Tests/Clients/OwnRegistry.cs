using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>Millpond as a registry of its own, and a docker-registry that has images to push to it.</summary>
internal sealed class OwnRegistry : IAsyncDisposable
{
    private OwnRegistry(DockerRegistry source, MillpondHost millpond)
    {
        Source = source;
        Millpond = millpond;
    }

    public DockerRegistry Source { get; }

    public MillpondHost Millpond { get; }

    /// <summary>Host and port.</summary>
    public string Host => Millpond.Address.Authority;

    public static async Task<OwnRegistry> StartAsync()
    {
        var source = await DockerRegistry.StartAsync();
        return new OwnRegistry(source, await MillpondHost.StartAsync([]));
    }

    /// <summary>Where the source has it.</summary>
    public string From(string image) => $"{Source.Address.Authority}/{image}";

    /// <summary>Where it is pushed to.</summary>
    public string To(string image) => $"{Host}/{image}";

    /// <summary>The digest that a tag has here.</summary>
    public async Task<string> DigestAsync(string repository, string tag)
    {
        using var response = await Millpond.ManifestAsync(repository, tag, HttpMethod.Head);
        Assert.True(response.IsSuccessStatusCode, $"{repository}:{tag} was answered {(int)response.StatusCode}");
        return response.Headers.GetValues("Docker-Content-Digest").Single();
    }

    public async Task<bool> HasAsync(string repository, string reference)
    {
        using var response = await Millpond.ManifestAsync(repository, reference, HttpMethod.Head);
        return response.IsSuccessStatusCode;
    }

    public async ValueTask DisposeAsync()
    {
        // Shown only where the test has failed.
        TestContext.Current.TestOutputHelper?.WriteLine(string.Join('\n', Millpond.Log.Lines));
        await Millpond.DisposeAsync();
        await Source.DisposeAsync();
    }
}
