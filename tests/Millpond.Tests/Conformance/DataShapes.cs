using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Conformance;

/// <summary>The kinds of content that a registry must take as they are.</summary>
internal static class DataShapes
{
    public const string SignatureType = "application/vnd.example.signature";
    public const string SbomType = "application/vnd.example.sbom+json";
    private const string NonDistributable = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";

    /// <summary>All but <see cref="Sparse"/>.</summary>
    public static IReadOnlyList<DataShape> All { get; } =
    [
        Make("image", shape => shape.Image("image")),
        Make("docker image", shape => shape.Manifest(TestImages.DockerManifest, "docker", null, new()
        {
            ["config"] = ShapeBuilder.Descriptor("application/vnd.docker.container.image.v1+json", shape.Unique()),
            ["layers"] = new JsonArray(ShapeBuilder.Descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", shape.Unique())),
        })),
        Make("large manifest", shape => shape.Image("large", further: new() { ["annotations"] = Annotations(380, 10_000) })),
        Make("index", shape => shape.Index("index", [shape.Image(), shape.Image(architecture: "arm64")])),
        Make("nested index", shape => shape.Index("nested", [shape.Index(null, [shape.Image()]), shape.Index("inner", [shape.Image(), shape.Image()])])),
        Make("empty index", shape => shape.Index("empty", [])),
        Make("artifact", shape => shape.Artifact(SbomType, "artifact")),
        Make("artifact index", shape => shape.Index("artifacts", [shape.Artifact(SbomType), shape.Artifact(SignatureType)], new() { ["artifactType"] = SbomType })),
        Make("artifact without layers", shape => shape.Artifact(SbomType, "bare", noLayers: true)),
        Make("subject", shape => Subjects(shape, shape.Image("subject"))),
        Make("missing subject", shape => Subjects(shape, shape.Absent())),
        Make("subject on an index", shape =>
        {
            var index = shape.Index("index", [shape.Image()]);
            shape.Index("of-index", [], Referring(index, SbomType));
            shape.Index(null, [shape.Image()], Referring(index, null));
        }),
        Make("data field", shape => shape.Image("data", withData: true)),
        Make("non-distributable", shape => shape.Image("foreign", layers:
        [
            Foreign(shape.Missing()), ShapeBuilder.Descriptor(ShapeBuilder.LayerType, shape.Unique()),
        ])),
        Make("custom fields", shape => shape.Index("custom", [shape.Image(further: Custom())], Custom())),
        Make("custom media type", shape => shape.Manifest("application/vnd.example.thing.v7+json", "custom-type", null, new() { ["thing"] = new JsonArray(1, 2.50, null) })),
        Make("no layers", shape => shape.Image("none", layers: [])),
        Make("empty blob", shape => shape.Image("zero", layers: [ShapeBuilder.Descriptor(ShapeBuilder.LayerType, shape.Blob([]))])),
        Make("same layer twice", shape =>
        {
            var layer = shape.Unique();
            shape.Image("twice", layers: [ShapeBuilder.Descriptor(ShapeBuilder.LayerType, layer), ShapeBuilder.Descriptor(ShapeBuilder.LayerType, layer)]);
        }),
        Make("sha512", shape => shape.Index(null, [shape.Image(), shape.Image(architecture: "arm64")]), "sha512"),
        Make("sha512 subject", shape => Subjects(shape, shape.Image()), "sha512"),
    ];

    /// <summary>An index that names what is not there.</summary>
    public static DataShape Sparse { get; } = Make("sparse index", shape => shape.Index("sparse", [shape.Image(), shape.Absent()]));

    private static DataShape Make(string name, Action<ShapeBuilder> build, string algorithm = "sha256")
    {
        var shape = new ShapeBuilder(name, algorithm);
        build(shape);
        return shape.Build();
    }

    /// <summary>What refers to it: by an artifact type of its own, by its configuration's type, and an index.</summary>
    private static void Subjects(ShapeBuilder shape, TestManifest of)
    {
        shape.Artifact(SbomType, subject: of);
        shape.Artifact(SignatureType, subject: of);
        shape.Artifact(null, subject: of, configType: "application/vnd.example.config");
        shape.Index(null, [], Referring(of, SignatureType));
    }

    private static JsonObject Referring(TestManifest subject, string? artifactType)
    {
        var further = new JsonObject { ["subject"] = subject.Descriptor(), ["annotations"] = new JsonObject { ["org.example.kind"] = "an index that refers" } };
        if (artifactType is not null)
        {
            further["artifactType"] = artifactType;
        }

        return further;
    }

    private static JsonObject Foreign(Digest digest)
    {
        var descriptor = TestImages.Descriptor(NonDistributable, digest, 123456);
        descriptor["urls"] = new JsonArray($"https://store.example.com/{digest.Hex}");
        return descriptor;
    }

    private static JsonObject Custom() => new() { ["org.example.custom"] = new JsonObject { ["list"] = new JsonArray(1, "two", 3.0), ["nothing"] = null }, ["x"] = "y" };

    private static JsonObject Annotations(int count, int length) =>
        new(Enumerable.Range(0, count).Select(number => KeyValuePair.Create($"org.example.large-{number}", (JsonNode?)JsonValue.Create(new string('a', length)))));
}
