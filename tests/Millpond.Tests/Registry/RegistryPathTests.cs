using FsCheck;
using FsCheck.Fluent;
using Millpond.Images;
using Millpond.Server.Registry;

namespace Millpond.Tests.Registry;

public sealed class RegistryPathTests
{
    private static readonly string Sha256 = "sha256:" + new string('a', 64);

    [Theory]
    [InlineData("/v2", RegistryPathKind.Version)]
    [InlineData("/v2/", RegistryPathKind.Version)]
    [InlineData("/v2/_catalog", RegistryPathKind.Catalog)]
    [InlineData("/V2/", RegistryPathKind.Outside)]
    [InlineData("/v20/quay/a/manifests/x", RegistryPathKind.Outside)]
    [InlineData("/", RegistryPathKind.Outside)]
    [InlineData("", RegistryPathKind.Outside)]
    [InlineData("/v1/_ping", RegistryPathKind.Outside)]
    [InlineData("//v2/", RegistryPathKind.Outside)]
    [InlineData("/v2//", RegistryPathKind.Unknown)]
    [InlineData("/v2/_catalog/", RegistryPathKind.Unknown)]
    [InlineData("/v2/quay/a", RegistryPathKind.Unknown)]
    [InlineData("/v2/quay/a/tags", RegistryPathKind.Unknown)]
    [InlineData("/v2/quay/a/tags/latest", RegistryPathKind.Unknown)]
    [InlineData("/v2/quay/a/tags/list/", RegistryPathKind.Unknown)]
    [InlineData("/v2/quay/a/manifests/latest/", RegistryPathKind.Unknown)]
    [InlineData("/v2/quay/a/Manifests/latest", RegistryPathKind.Unknown)]
    public void A_path_without_a_repository_is_read(string path, RegistryPathKind kind) => Assert.Equal(kind, RegistryPath.Parse(path).Kind);

    [Theory]
    [InlineData("/v2/quay/a/manifests/latest", RegistryPathKind.Manifest, "quay/a", "latest")]
    [InlineData("/v2/a/manifests/list", RegistryPathKind.Manifest, "a", "list")]
    [InlineData("/v2/a/manifests/tags/list", RegistryPathKind.Tags, "a/manifests", "list")]
    [InlineData("/v2/a/tags/manifests/list", RegistryPathKind.Manifest, "a/tags", "list")]
    [InlineData("/v2/manifests/manifests/manifests", RegistryPathKind.Manifest, "manifests", "manifests")]
    [InlineData("/v2/a/blobs/uploads/tags/list", RegistryPathKind.Tags, "a/blobs/uploads", "list")]
    [InlineData("/v2/a/blobs/uploads/", RegistryPathKind.Upload, "a", "")]
    [InlineData("/v2/a/blobs/uploads", RegistryPathKind.Upload, "a", "")]
    [InlineData("/v2/a/b/blobs/uploads/5b3c", RegistryPathKind.Upload, "a/b", "5b3c")]
    [InlineData("/v2/a/b/c/d/e/f/g/h/tags/list", RegistryPathKind.Tags, "a/b/c/d/e/f/g/h", "list")]
    public void A_path_is_read_from_its_end(string path, RegistryPathKind kind, string repository, string reference)
    {
        var parsed = RegistryPath.Parse(path);
        Assert.Equal((kind, repository, reference), (parsed.Kind, parsed.Repository.ToString(), parsed.Reference));
    }

    [Fact]
    public void A_digest_is_read_where_one_belongs()
    {
        foreach (var (path, kind) in new[]
        {
            ($"/v2/a/manifests/{Sha256}", RegistryPathKind.Manifest),
            ($"/v2/a/blobs/{Sha256}", RegistryPathKind.Blob),
            ($"/v2/a/referrers/{Sha256}", RegistryPathKind.Referrers),
        })
        {
            var parsed = RegistryPath.Parse(path);
            Assert.Equal((kind, Digest.Parse(Sha256)), (parsed.Kind, parsed.Digest));
        }
    }

    [Theory]
    [InlineData("/v2/manifests/latest", RegistryPathKind.InvalidName)]
    [InlineData("/v2//manifests/latest", RegistryPathKind.InvalidName)]
    [InlineData("/v2/a/../b/manifests/latest", RegistryPathKind.InvalidName)]
    [InlineData("/v2/a//b/tags/list", RegistryPathKind.InvalidName)]
    [InlineData("/v2/a%2Fb/tags/list", RegistryPathKind.InvalidName)]
    [InlineData("/v2/Upper/tags/list", RegistryPathKind.InvalidName)]
    [InlineData("/v2/a/manifests/", RegistryPathKind.InvalidTag)]
    [InlineData("/v2/a/manifests/.hidden", RegistryPathKind.InvalidTag)]
    [InlineData("/v2/a/manifests/a%2Fb", RegistryPathKind.InvalidTag)]
    [InlineData("/v2/a/manifests/sha256:12", RegistryPathKind.InvalidDigest)]
    [InlineData("/v2/a/blobs/latest", RegistryPathKind.InvalidDigest)]
    [InlineData("/v2/a/blobs/", RegistryPathKind.InvalidDigest)]
    [InlineData("/v2/a/referrers/sha512:12", RegistryPathKind.InvalidDigest)]
    public void What_is_wrong_is_said(string path, RegistryPathKind kind) => Assert.Equal(kind, RegistryPath.Parse(path).Kind);

    [Fact]
    public void Every_path_that_is_put_together_is_taken_apart_again()
    {
        var component = Gen.Elements("a", "quay", "manifests", "blobs", "tags", "list", "uploads", "referrers", "x--y", "v2", "0");
        var names = Gen.NonEmptyListOf(component).Where(parts => parts.Count < 30).Select(parts => string.Join('/', parts));
        var ends = Gen.Elements(
            (RegistryPathKind.Manifest, "manifests/latest"),
            (RegistryPathKind.Manifest, "manifests/list"),
            (RegistryPathKind.Manifest, $"manifests/{Sha256}"),
            (RegistryPathKind.Blob, $"blobs/{Sha256}"),
            (RegistryPathKind.Referrers, $"referrers/{Sha256}"),
            (RegistryPathKind.Tags, "tags/list"),
            (RegistryPathKind.Upload, "blobs/uploads/"),
            (RegistryPathKind.Upload, "blobs/uploads/1"));
        Prop.ForAll(Arb.From(names), Arb.From(ends), (name, end) =>
        {
            var parsed = RegistryPath.Parse($"/v2/{name}/{end.Item2}");
            return parsed.Kind == end.Item1 && parsed.Repository.ToString() == name;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Any_text_is_read_without_an_exception_and_no_name_escapes_its_grammar()
    {
        var pieces = Gen.Elements("/", "v2", "..", ".", "%2F", "%", "manifests", "blobs", "tags", "list", "uploads", "sha256:", "é", "\0", "A", "a", "_", "-", ":");
        var paths = Gen.ListOf(pieces).Select(parts => "/v2/" + string.Concat(parts));
        Prop.ForAll(Arb.From(paths), path =>
        {
            var parsed = RegistryPath.Parse(path);
            var name = parsed.Repository.ToString();
            return parsed.Kind != RegistryPathKind.Outside
                && !name.Contains("..", StringComparison.Ordinal)
                && !name.Contains('%')
                && !name.EndsWith('/');
        }).QuickCheckThrowOnFailure();
    }
}
