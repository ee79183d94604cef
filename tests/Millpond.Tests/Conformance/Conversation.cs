using Millpond.Images;

namespace Millpond.Tests.Conformance;

/// <summary>One row of the suite, or several that follow from each other; each has repositories of its own.</summary>
internal sealed record Scenario(string Name, Func<Conversation, Task> RunAsync)
{
    /// <summary>What it is about; null where it is about several.</summary>
    public Api? Api { get; init; }

    /// <summary>One row.</summary>
    public static Scenario Of(Api api, string name, Func<Conversation, Task> run) => new(name, talk => talk.CheckAsync(api, name, () => run(talk))) { Api = api };
}

/// <summary>Puts what is to be pulled into a repository: by pushing it, or into the upstream behind a cache.</summary>
internal delegate Task Provide(string repository, DataShape shape);

/// <summary>What a scenario talks to, and where its findings go.</summary>
internal sealed class Conversation(RegistryUnderTest registry, string repository, string scenario, ConformanceTable table, Provide provide)
{
    public RegistryUnderTest Registry => registry;

    /// <summary>Nobody else's.</summary>
    public string Repository => repository;

    /// <summary>A second one.</summary>
    public string Other => $"{repository}/other";

    /// <summary>Notes what comes of it; false where it failed, so that what follows from it can be left out.</summary>
    public async Task<bool> CheckAsync(Api api, string what, Func<Task> check)
    {
        string? failure = null;
        try
        {
            await check();
        }
        catch (Exception exception)
        {
            failure = $"{(exception is InvalidOperationException ? "" : $"{exception.GetType().Name}: ")}{exception.Message}";
        }

        table.Add(new Finding(api, scenario, what, failure));
        return failure is null;
    }

    /// <summary>Has the shape in this conversation's repository.</summary>
    public Task ProvideAsync(DataShape shape) => provide(repository, shape);

    public async Task AssertBlobAsync(string where, Digest digest, byte[] content)
    {
        (await registry.BlobAsync(where, digest)).Expect(200).ExpectHeader("Docker-Content-Digest", digest.ToString()).ExpectBody(content);
        (await registry.BlobAsync(where, digest, HttpMethod.Head)).Expect(200)
            .ExpectHeader("Docker-Content-Digest", digest.ToString()).ExpectHeader("Content-Length", $"{content.Length}");
    }

    public async Task AssertNoBlobAsync(string where, object digest)
    {
        (await registry.BlobAsync(where, digest)).Expect(404).ExpectError("BLOB_UNKNOWN", "NAME_UNKNOWN");
        (await registry.BlobAsync(where, digest, HttpMethod.Head)).Expect(404);
    }

    /// <param name="where">The repository.</param>
    /// <param name="reference">A tag or a digest.</param>
    /// <param name="manifest">Exactly this.</param>
    public async Task AssertManifestAsync(string where, object reference, Fixtures.TestManifest manifest)
    {
        foreach (var method in (HttpMethod[])[HttpMethod.Get, HttpMethod.Head])
        {
            var answer = (await registry.ManifestAsync(where, reference, method)).Expect(200)
                .ExpectHeader("Content-Type", manifest.MediaType).ExpectHeader("Content-Length", $"{manifest.Content.Length}");
            var said = answer.Header("Docker-Content-Digest");
            if (!Digest.TryParse(said, out var digest) || digest.Rehash(manifest.Content) != digest || (reference is Digest asked && asked != digest))
            {
                throw answer.Wrong($"Docker-Content-Digest {said} is not the manifest's");
            }

            if (method == HttpMethod.Get)
            {
                answer.ExpectBody(manifest.Content);
            }
        }
    }

    public async Task AssertNoManifestAsync(string where, object reference)
    {
        (await registry.ManifestAsync(where, reference)).Expect(404).ExpectError("MANIFEST_UNKNOWN", "NAME_UNKNOWN");
        (await registry.ManifestAsync(where, reference, HttpMethod.Head)).Expect(404);
    }
}
