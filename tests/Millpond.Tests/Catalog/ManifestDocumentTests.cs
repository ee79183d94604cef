using System.Text;
using Millpond.Server.Catalog;
using static Millpond.Tests.Catalog.TemporaryCatalog;

namespace Millpond.Tests.Catalog;

public sealed class ManifestDocumentTests
{
    private const string Gzip = "application/vnd.oci.image.layer.v1.tar+gzip";

    [Theory]
    [InlineData(ManifestDocument.DockerManifest)]
    [InlineData(ManifestDocument.OciManifest)]
    public void An_image_has_its_config_first_then_its_layers(string mediaType)
    {
        var document = Parse(
            $$"""
            {"schemaVersion":2,"mediaType":"{{mediaType}}",
             "config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{{DigestOf("config")}}","size":7023},
             "layers":[{"mediaType":"{{Gzip}}","digest":"{{DigestOf("one")}}","size":32654},{"mediaType":"{{Gzip}}","digest":"{{DigestOf("two")}}","size":0}]}
            """,
            mediaType)!;

        Assert.Equal(mediaType, document.MediaType);
        Assert.Empty(document.Manifests);
        Assert.Equal(
            [
                new Descriptor("application/vnd.oci.image.config.v1+json", DigestOf("config"), 7023, null, false),
                new Descriptor(Gzip, DigestOf("one"), 32654, null, false),
                new Descriptor(Gzip, DigestOf("two"), 0, null, false),
            ],
            document.Blobs);
    }

    [Theory]
    [InlineData(ManifestDocument.DockerManifestList)]
    [InlineData(ManifestDocument.OciIndex)]
    public void An_index_has_manifests_with_their_platforms(string mediaType)
    {
        var document = Parse(
            $$"""
            {"schemaVersion":2,"manifests":[
              {{Child("amd64", """ "platform":{"architecture":"amd64","os":"linux"} """)}},
              {{Child("arm", """ "platform":{"architecture":"arm","os":"linux","variant":"v7"} """)}},
              {{Child("windows", """ "platform":{"architecture":"amd64","os":"windows","os.version":"10.0.17763.1","variant":""} """)}},
              {{Child("attestation", """ "platform":{"architecture":"unknown","os":"unknown"} """)}},
              {{Child("half", """ "platform":{"os":"linux"} """)}},
              {{Child("none", """ "annotations":{} """)}}]}
            """,
            mediaType)!;

        Assert.Empty(document.Blobs);
        Assert.Equal(
            ["linux/amd64", "linux/arm/v7", "windows/amd64", "unknown/unknown", null, null],
            document.Manifests.Select(child => child.Platform));
        Assert.Null(document.ArtifactType);
    }

    [Fact]
    public void An_artifact_manifest_has_blobs()
    {
        var document = Parse(
            $$"""{"artifactType":"application/vnd.example.sbom","blobs":[{{Child("sbom", "\"x\":1")}}],"subject":{{Child("image", "\"x\":1")}}}""",
            ManifestDocument.OciArtifact)!;

        Assert.Equal(DigestOf("sbom"), Assert.Single(document.Blobs).Digest);
        Assert.Equal("application/vnd.example.sbom", document.ArtifactType);
        Assert.Equal(DigestOf("image"), document.Subject!.Digest);
    }

    [Theory]
    [InlineData(ManifestDocument.OciManifest, """ "artifactType":"a/b","config":{"mediaType":"c/d"} """, "a/b")]
    [InlineData(ManifestDocument.OciManifest, """ "artifactType":"","config":{"mediaType":"c/d"} """, "c/d")]
    [InlineData(ManifestDocument.OciManifest, """ "config":{"mediaType":"c/d"} """, "c/d")]
    [InlineData(ManifestDocument.OciManifest, """ "config":{} """, null)]
    [InlineData(ManifestDocument.OciIndex, """ "artifactType":"a/b" """, "a/b")]
    [InlineData(ManifestDocument.OciIndex, """ "config":{"mediaType":"c/d"} """, null)]
    public void The_artifact_type_falls_back_to_the_configs_in_images_only(string mediaType, string fields, string? expected) =>
        Assert.Equal(expected, Parse($"{{{fields}}}", mediaType)!.ArtifactType);

    [Fact]
    public void Foreign_layers_are_marked()
    {
        var document = Parse(
            $$"""
            {"layers":[
              {{Child("urls", """ "urls":["https://mcr.example/layer"] """)}},
              {{Child("no urls", """ "urls":[] """)}},
              {"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":"{{DigestOf("docker")}}","size":1},
              {"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar","digest":"{{DigestOf("oci")}}","size":1}]}
            """,
            ManifestDocument.DockerManifest)!;

        Assert.Equal([true, false, true, true], document.Blobs.Select(layer => layer.IsForeign));
        Assert.Equal(DigestOf("no urls"), Assert.Single(document.LinkedChildren).Digest);
    }

    [Fact]
    public void An_unknown_document_has_every_descriptor_at_its_top()
    {
        var document = Parse(
            $$"""
            {"config":{{Child("config", "\"x\":1")}},"things":[{{Child("thing", "\"x\":1")}},17,"text",null],"name":"x",
             "parts":[{"mediaType":"{{ManifestDocument.OciManifest}}","digest":"{{DigestOf("part")}}","size":3}],"subject":{{Child("subject", "\"x\":1")}},
             "deep":{"layers":[{{Child("deep", "\"x\":1")}}] } }
            """,
            "application/vnd.example.future.v9+json")!;

        Assert.Equal([DigestOf("config"), DigestOf("thing")], document.Blobs.Select(blob => blob.Digest));
        Assert.Equal(DigestOf("part"), Assert.Single(document.Manifests).Digest);
        Assert.Equal(DigestOf("subject"), document.Subject!.Digest);
        Assert.Empty(document.LinkedChildren);
    }

    [Fact]
    public void A_document_is_one_kind_only()
    {
        var both = $$"""{"layers":[{{Child("layer", "\"x\":1")}}],"manifests":[{{Child("manifest", "\"x\":1")}}]}""";

        Assert.Equal(DigestOf("layer"), Assert.Single(Parse(both, ManifestDocument.OciManifest)!.Blobs).Digest);
        Assert.Empty(Parse(both, ManifestDocument.OciManifest)!.Manifests);
        Assert.Equal(DigestOf("manifest"), Assert.Single(Parse(both, ManifestDocument.OciIndex)!.Manifests).Digest);
        Assert.Empty(Parse(both, ManifestDocument.OciIndex)!.Blobs);
    }

    [Theory]
    [InlineData("application/vnd.oci.image.index.v1+json; charset=utf-8", ManifestDocument.OciIndex)]
    [InlineData("", ManifestDocument.DockerManifest)]
    public void The_media_type_is_the_answers_and_else_the_documents(string asked, string expected) =>
        Assert.Equal(expected, Parse($$"""{"mediaType":"{{ManifestDocument.DockerManifest}}"}""", asked)!.MediaType);

    [Theory]
    [InlineData("")]
    [InlineData("not json")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData("null")]
    [InlineData("{}{}")]
    public void What_is_no_json_object_is_no_manifest(string content) => Assert.Null(Parse(content, ManifestDocument.OciManifest));

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"layers":null,"config":null,"subject":null,"artifactType":null,"mediaType":null}""")]
    [InlineData("""{"layers":{"digest":"x"},"config":[],"subject":"x","artifactType":1}""")]
    [InlineData("""{"layers":[{"digest":"sha256:00","size":1},{"size":1},{"digest":7,"size":1},[]]}""")]
    [InlineData("""{"layers":[{"digest":"DIGEST"}]}""")]
    [InlineData("""{"layers":[{"digest":"DIGEST","size":-1}]}""")]
    [InlineData("""{"layers":[{"digest":"DIGEST","size":"1"}]}""")]
    [InlineData("""{"layers":[{"digest":"DIGEST","size":1.5}]}""")]
    [InlineData("""{"layers":[{"digest":"DIGEST","size":99999999999999999999}]}""")]
    public void Broken_children_are_left_out(string content)
    {
        var document = Parse(content.Replace("DIGEST", DigestOf("x").ToString(), StringComparison.Ordinal), ManifestDocument.OciManifest)!;

        Assert.Empty(document.Blobs);
        Assert.Null(document.Subject);
    }

    [Fact]
    public void Sha512_children_are_read()
    {
        var digest = "sha512:" + new string('b', 128);
        var document = Parse($$"""{"layers":[{"digest":"{{digest}}","size":9}]}""", ManifestDocument.OciManifest)!;
        Assert.Equal(digest, Assert.Single(document.Blobs).Digest.ToString());
    }

    private static string Child(string name, string more) =>
        $$"""{"mediaType":"application/octet-stream","digest":"{{DigestOf(name)}}","size":{{name.Length}},{{more}}}""";

    private static ManifestDocument? Parse(string content, string mediaType) => ManifestDocument.TryParse(Encoding.UTF8.GetBytes(content), mediaType);
}
