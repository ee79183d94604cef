using Millpond.Images;

namespace Millpond.Tests.Images;

/// <summary>The facts of distribution/reference's public test tables, read as a normalised name is read there, and our own edge cases.</summary>
public sealed class ReferenceGrammarTests
{
    private const string Hex = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
    private const string Sha256 = "sha256:" + Hex;
    private const string Id = "1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a";

    /// <summary>Reference, domain, path, tag, digest.</summary>
    public static TheoryData<string, string, string, string?, string?> Valid => new()
    {
        { "test_com", "docker.io", "library/test_com", null, null },
        { "test.com:tag", "docker.io", "library/test.com", "tag", null },
        { "test.com:5000", "docker.io", "library/test.com", "5000", null },
        { "test.com/repo:tag", "test.com", "repo", "tag", null },
        { "test:5000/repo", "test:5000", "repo", null, null },
        { "test:5000/repo:tag", "test:5000", "repo", "tag", null },
        { "test:5000/repo@" + Sha256, "test:5000", "repo", null, Sha256 },
        { "test:5000/repo:tag@" + Sha256, "test:5000", "repo", "tag", Sha256 },
        { "lowercase:Uppercase", "docker.io", "library/lowercase", "Uppercase", null },
        { "sub-dom1.foo.com/bar/baz/quux", "sub-dom1.foo.com", "bar/baz/quux", null, null },
        { "sub-dom1.foo.com/bar/baz/quux:some-long-tag", "sub-dom1.foo.com", "bar/baz/quux", "some-long-tag", null },
        { "b.gcr.io/test.example.com/my-app:test.example.com", "b.gcr.io", "test.example.com/my-app", "test.example.com", null },
        { "xn--n3h.com/myimage:xn--n3h.com", "xn--n3h.com", "myimage", "xn--n3h.com", null },
        { "xn--7o8h.com/myimage:xn--7o8h.com@" + Sha256, "xn--7o8h.com", "myimage", "xn--7o8h.com", Sha256 },
        { "foo_bar.com:8080", "docker.io", "library/foo_bar.com", "8080", null },
        { "foo/foo_bar.com:8080", "docker.io", "foo/foo_bar.com", "8080", null },
        { "192.168.1.1", "docker.io", "library/192.168.1.1", null, null },
        { "192.168.1.1:tag", "docker.io", "library/192.168.1.1", "tag", null },
        { "192.168.1.1/repo", "192.168.1.1", "repo", null, null },
        { "192.168.1.1:5000/repo:5050", "192.168.1.1:5000", "repo", "5050", null },
        { "[2001:db8::1]/repo", "[2001:db8::1]", "repo", null, null },
        { "[2001:db8:1:2:3:4:5:6]/repo:tag", "[2001:db8:1:2:3:4:5:6]", "repo", "tag", null },
        { "[2001:db8::1]:5000/repo:tag@" + Sha256, "[2001:db8::1]:5000", "repo", "tag", Sha256 },
        { "[2001:db8::]:5000/repo", "[2001:db8::]:5000", "repo", null, null },
        { "[::1]:5000/repo", "[::1]:5000", "repo", null, null },
        { "LOCALDOMAIN/library/debian", "LOCALDOMAIN", "library/debian", null, null },
        { "Docker/docker", "Docker", "docker", null, null },
        { "Foo/bar", "Foo", "bar", null, null },
        { "Asdf.com/foo/bar", "Asdf.com", "foo/bar", null, null },
        { "docker.io/" + Id, "docker.io", "library/" + Id, null, null },
        { "thisisthesongthatneverendsitgoesonandonandonthisisthesongthatnev", "docker.io", "library/thisisthesongthatneverendsitgoesonandonandonthisisthesongthatnev", null, null },
        { "localhost/fooo/bar", "localhost", "fooo/bar", null, null },
        { "localhost:8080@" + Sha256, "docker.io", "library/localhost", "8080", Sha256 },
        { "localhost:8080/name@" + Sha256, "localhost:8080", "name", null, Sha256 },
        { "localhost@" + Sha256, "docker.io", "library/localhost", null, Sha256 },
        { "docker---rules/docker", "docker.io", "docker---rules/docker", null, null },
        { "dock__er/docker", "docker.io", "dock__er/docker", null, null },
        { "d/docker", "docker.io", "d/docker", null, null },
        { "index.docker.io/library/ubuntu-12.04-base", "docker.io", "library/ubuntu-12.04-base", null, null },
        { "docker.io/foo", "docker.io", "library/foo", null, null },
        { "index.docker.io/foo", "docker.io", "library/foo", null, null },
        { "library/foo/bar", "docker.io", "library/foo/bar", null, null },
        { "test-com:8080/foo", "test-com:8080", "foo", null, null },
        { "registry.io/foo/project--id.module--name.ver---sion--name", "registry.io", "foo/project--id.module--name.ver---sion--name", null, null },
        { "busybox:latest@" + Sha256, "docker.io", "library/busybox", "latest", Sha256 },
        { "192.168.1.1:75050/a", "192.168.1.1:75050", "a", null, null },
        { "[fd00123123123]:75050/a", "[fd00123123123]:75050", "a", null, null },
        // Ours: all of Docker Hub's names are one, in any case; a port is another registry; sha512 is a digest.
        { "registry-1.docker.io/nginx", "docker.io", "library/nginx", null, null },
        { "Registry.Hub.Docker.com/grafana/loki:3", "docker.io", "grafana/loki", "3", null },
        { "quay.io:443/x", "quay.io:443", "x", null, null },
        { "docker.io/docker.io/weird:1", "docker.io", "docker.io/weird", "1", null },
        { "bitnami/minideb:buster", "docker.io", "bitnami/minideb", "buster", null },
        { "a@sha512:" + Hex + Hex, "docker.io", "library/a", null, "sha512:" + Hex + Hex },
        { "sha256:latest", "docker.io", "library/sha256", "latest", null },
    };

    public static TheoryData<string?, ReferenceFault> Invalid => new()
    {
        { null, ReferenceFault.Empty },
        { "", ReferenceFault.Empty },
        { ":justtag", ReferenceFault.Name },
        { "@" + Sha256, ReferenceFault.Name },
        { "repo@sha256:ffffffffffffffffffffffffffffffffff", ReferenceFault.Digest },
        { "validname@invaliddigest:" + Hex, ReferenceFault.Digest },
        { "registry.com:8080/myapp@bad", ReferenceFault.Digest },
        { "repo@sha256:" + "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", ReferenceFault.Digest },
        { "Uppercase:tag", ReferenceFault.UpperCaseName },
        { "test:5000/Uppercase/lowercase:tag", ReferenceFault.UpperCaseName },
        { "docker/Docker", ReferenceFault.UpperCaseName },
        { "docker.io/docker/Docker", ReferenceFault.UpperCaseName },
        { "Foo/FarB", ReferenceFault.UpperCaseName },
        { "aa/asdf$$^/aa", ReferenceFault.Name },
        { "[2001:db8::1]", ReferenceFault.Name },
        { "[2001:db8::1]:5000", ReferenceFault.Name },
        { "[fe80::1%eth0]:5000/repo", ReferenceFault.Host },
        { "[2001:db8:3:4::192.0.2.33]:5000/debian", ReferenceFault.Host },
        { "[fd00:1:2::3]75050/a", ReferenceFault.Host },
        { "[fd00:1:2::3]::75050/a", ReferenceFault.Host },
        { "[]/a", ReferenceFault.Name },
        { "fc00::1:5000/debian", ReferenceFault.Host },
        { "https://github.com/docker/docker", ReferenceFault.Host },
        { "test.com:http/a", ReferenceFault.Host },
        { "test.com:/a", ReferenceFault.Host },
        { "-ab.com/a", ReferenceFault.Host },
        { "ab-.com/a", ReferenceFault.Host },
        { "ab.-com/a", ReferenceFault.Host },
        { "ab.com-/a", ReferenceFault.Host },
        { "ab..com/a", ReferenceFault.Host },
        { "bad_hostname.com:8080/myapp:tag", ReferenceFault.Host },
        { "do__cker:8080/docker", ReferenceFault.Host },
        { "docker./docker", ReferenceFault.Host },
        { ".docker/docker", ReferenceFault.Host },
        { "-docker", ReferenceFault.Name },
        { "-docker/docker", ReferenceFault.Name },
        { "docker-/docker", ReferenceFault.Name },
        { "docker///docker", ReferenceFault.Name },
        { "docker/", ReferenceFault.Name },
        { "/docker", ReferenceFault.Name },
        { "foo.com/", ReferenceFault.Name },
        { "____/____", ReferenceFault.Name },
        { "_docker/_docker", ReferenceFault.Name },
        { "a/dock..er", ReferenceFault.Name },
        { "a/dock_.er", ReferenceFault.Name },
        { "a/dock-.er", ReferenceFault.Name },
        { "a/dock___er", ReferenceFault.Name },
        { "example.com/__underscore/myimage", ReferenceFault.Name },
        { "example.com/.dots/myimage", ReferenceFault.Name },
        { Id, ReferenceFault.ImageId },
        { "sha256:" + Id, ReferenceFault.ImageId },
        { "nginx:", ReferenceFault.Tag },
        { "nginx:-a", ReferenceFault.Tag },
        { "registry.com:8080/myapp:invalid~tag", ReferenceFault.Tag },
        { "nginx:1 ", ReferenceFault.Tag },
        { "nginx:1\n", ReferenceFault.Tag },
        { "nginx:ä", ReferenceFault.Tag },
        { "nginх", ReferenceFault.Name }, // the last letter is Cyrillic
        { " nginx", ReferenceFault.Name },
    };

    [Theory]
    [MemberData(nameof(Valid))]
    public void A_valid_reference_has_these_parts(string text, string domain, string path, string? tag, string? digest)
    {
        Assert.True(ImageReference.TryParse(text, out var reference, out var fault));
        Assert.Equal(ReferenceFault.None, fault);
        Assert.Equal(text, reference.ToString());
        Assert.Equal(domain, reference.Domain);
        Assert.Equal(path, reference.Path.ToString());
        Assert.Equal(tag, reference.Tag);
        Assert.Equal(digest, reference.Digest?.ToString());
    }

    [Theory]
    [MemberData(nameof(Invalid))]
    public void An_invalid_reference_is_refused_with_the_reason(string? text, ReferenceFault wanted)
    {
        Assert.False(ImageReference.TryParse(text, out _, out var fault));
        Assert.Equal(wanted, fault);
        Assert.NotEmpty(fault.Describe());
    }

    [Theory]
    [InlineData(255, "example.com/", true)]
    [InlineData(256, "example.com/", false)]
    [InlineData(247, "", true)]
    [InlineData(248, "", false)]
    public void A_path_has_at_most_255_characters_with_library_counted(int length, string host, bool valid)
    {
        Assert.Equal(valid, ImageReference.TryParse(host + new string('g', length) + ":tag", out _, out var fault));
        Assert.Equal(valid ? ReferenceFault.None : ReferenceFault.NameTooLong, fault);
    }

    [Theory]
    [InlineData("localhost/fooo", "localhost/fooo")]
    [InlineData("docker.io/fooo/bar", "fooo/bar")]
    [InlineData("docker.io/library/ubuntu:1", "ubuntu:1")]
    [InlineData("index.docker.io/library/ubuntu", "ubuntu")]
    [InlineData("docker.io/other/library", "other/library")]
    [InlineData("docker.io/library/foo/bar", "library/foo/bar")]
    [InlineData("127.0.0.1:8000/privatebase", "127.0.0.1:8000/privatebase")]
    [InlineData("docker.io/localhost/x", "docker.io/localhost/x")]
    [InlineData("docker.io/docker.io/weird:1", "docker.io/docker.io/weird:1")]
    [InlineData("docker.io/library/" + Id, "docker.io/library/" + Id)]
    [InlineData("docker.io/library/sha256:" + Id, "docker.io/library/sha256:" + Id)]
    public void The_familiar_form_is_the_shortest_that_means_the_same(string text, string familiar) =>
        Assert.Equal(familiar, ImageReference.Parse(text).Familiar);

    [Fact]
    public void The_written_parts_make_up_the_text()
    {
        var reference = ImageReference.Parse("index.docker.io/nginx:1.27@" + Sha256);
        Assert.Equal("index.docker.io", reference.WrittenHost);
        Assert.Equal("nginx", reference.WrittenPath);
        Assert.Equal("index.docker.io/nginx", reference.WrittenName);
        Assert.Equal(":1.27@" + Sha256, reference.Suffix);
        Assert.Equal("docker.io/library/nginx:1.27@" + Sha256, reference.Normalised);
    }

    [Theory]
    [InlineData("bash", "index.docker.io/library/bash", true)]
    [InlineData("Quay.io/x/y:1", "quay.io/x/y:1", true)]
    [InlineData("quay.io/x/y:1", "quay.io/x/y:2", false)]
    [InlineData("quay.io/x/y", "quay.io/x/y:latest", false)]
    [InlineData("quay.io/x/y", "quay.io:443/x/y", false)]
    public void References_mean_the_same_when_equal_after_normalising(string left, string right, bool same) =>
        Assert.Equal(same, ImageReference.Parse(left).MeansSameAs(ImageReference.Parse(right)));
}
