using FsCheck;
using FsCheck.Fluent;

namespace Millpond.Tests.Images;

/// <summary>Generators of names and references that are valid by construction.</summary>
internal static class ReferenceGenerators
{
    private const string Lower = "abcdefghijklmnopqrstuvwxyz0123456789";

    public static Gen<string> Component { get; } =
        from first in Word(Lower, 6)
        from rest in Gen.ArrayOf(
            from separator in Gen.Elements(".", "_", "__", "-", "--", "---")
            from word in Word(Lower, 4)
            select separator + word)
        select first + string.Concat(rest.Take(2));

    /// <summary>Often with parts that look like hosts, prefixes or <c>library</c>.</summary>
    public static Gen<string> Path { get; } =
        from parts in Gen.NonEmptyListOf(Gen.Frequency(
            (4, Component), (2, Gen.Elements("library", "quay", "quay2", "k8s", "docker-hub", "localhost", "docker.io", "team-a", "harbor", "x"))))
        select string.Join('/', parts.Take(5));

    public static Gen<string> Host { get; } = Gen.Frequency(
        (3, Gen.Elements("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", "Docker.io")),
        (4, Gen.Elements("quay.io", "registry.k8s.io", "ghcr.io", "registry.gitlab.com", "Quay.IO", "gcr.io", "public.ecr.aws")),
        (2, Gen.Elements("localhost", "localhost:5000", "[::1]:5000", "127.0.0.1", "cache.example.com", "harbor.corp.example:8443", "MyHost")),
        (2, from name in Component where !name.Contains('_') select name + ".example:" + (name.Length + 1)));

    public static Gen<string> Tag { get; } =
        from first in Word(Lower + "_ABC", 1)
        from rest in Gen.ArrayOf(Gen.Elements((Lower + "_.-XYZ").ToCharArray()))
        select first + new string([.. rest.Take(127)]);

    public static Gen<string> Digest { get; } =
        from hex in Gen.ArrayOf(Gen.Elements("0123456789abcdef".ToCharArray()), 64)
        select "sha256:" + new string(hex);

    /// <summary>A reference with the parts it was made from.</summary>
    public static Gen<Parts> Reference { get; } =
        from host in Gen.Frequency((2, Gen.Constant("")), (5, Host))
        from path in Path
        from tag in Optional(Tag)
        from digest in Optional(Digest)
        select new Parts(host, path, tag, digest);

    public static Arbitrary<T> Arb<T>(this Gen<T> generator) => generator.ToArbitrary();

    private static Gen<string?> Optional(Gen<string> generator) =>
        Gen.Frequency((1, Gen.Constant<string?>(null)), (1, generator.Select(value => (string?)value)));

    private static Gen<string> Word(string characters, int length) =>
        from word in Gen.NonEmptyListOf(Gen.Elements(characters.ToCharArray()))
        select new string([.. word.Take(length)]);

    internal sealed record Parts(string Host, string Path, string? Tag, string? Digest)
    {
        public override string ToString() =>
            (Host.Length == 0 ? "" : Host + "/") + Path + (Tag is null ? "" : ":" + Tag) + (Digest is null ? "" : "@" + Digest);
    }
}
