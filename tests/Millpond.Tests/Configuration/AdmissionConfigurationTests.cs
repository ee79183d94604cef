using Millpond.Server.Configuration;

namespace Millpond.Tests.Configuration;

public sealed class AdmissionConfigurationTests
{
    private const string Least = "admission:\n  listen: https://127.0.0.1:8443\n  selfSigned: true\n";

    [Fact]
    public void Reviews_are_off_unless_there_is_a_listener_for_them()
    {
        Assert.False(ConfigurationFile.Right("").Admission.IsOn);
        Assert.False(ConfigurationFile.Right("admission: {registry: cache.corp.example}").Admission.IsOn);
        Assert.True(ConfigurationFile.Right(Least + "publicUrl: https://cache.corp.example").Admission.IsOn);
    }

    [Fact]
    public void What_is_not_said_is_as_one_would_have_it()
    {
        var admission = ConfigurationFile.Right(Least + "publicUrl: https://cache.corp.example:8443").Admission;

        Assert.Equal("cache.corp.example:8443", admission.Registry?.ToString());
        Assert.Null(admission.Tls);
        Assert.Equal(["millpond.millpond.svc"], admission.Hosts);
        Assert.Equal(["all"], admission.Tiers);
        Assert.Equal(["kube-system"], admission.ExcludedNamespaces);
        Assert.Empty(admission.OwnImages);
        Assert.Empty(admission.OldRegistries);
    }

    [Fact]
    public void The_value_s_own_defaults_are_those_of_the_table_of_keys()
    {
        var (plain, read) = (new AdmissionConfiguration(), ConfigurationFile.Right("").Admission);

        Assert.Equal(
            plain with { Listen = read.Listen, Hosts = read.Hosts, Tiers = read.Tiers, ExcludedNamespaces = read.ExcludedNamespaces, OwnImages = read.OwnImages, OldRegistries = read.OldRegistries },
            read);
        Assert.Equal((plain.Hosts, plain.Tiers, plain.ExcludedNamespaces), (read.Hosts, read.Tiers, read.ExcludedNamespaces), (one, other) =>
            one.Hosts.SequenceEqual(other.Hosts) && one.Tiers.SequenceEqual(other.Tiers) && one.ExcludedNamespaces.SequenceEqual(other.ExcludedNamespaces));
    }

    [Fact]
    public void Everything_may_be_said()
    {
        using var file = new ConfigurationFile();
        var (certificate, key) = (file.Make("tls.crt"), file.Make("tls.key"));
        File.WriteAllText(file.Path, $$"""
            admission:
              listen: [https://0.0.0.0:8443, "https://[::1]:8444"]
              registry: cache.corp.example/mirror
              tls: {certificate: {{certificate}}, key: {{key}}}
              hosts: [cache.svc, 10.0.0.1]
              tiers: [default, docker-hub]
              excludeNamespaces: []
              ownImages: ghcr.io/acme/millpond
              oldRegistries: [old.corp.example, 123456789012.dkr.ecr.eu-west-1.amazonaws.com]
            listen: []
            rules: [{prefix: docker-hub, anonymous: true}]
            """);
        var configuration = file.Read().Configuration!;
        var admission = configuration.Admission;

        Assert.Empty(configuration.Listen);
        Assert.Equal(["https://0.0.0.0:8443/", "https://[::1]:8444/"], admission.Listen.Select(url => url.ToString()));
        Assert.Equal("cache.corp.example/mirror", admission.Registry?.ToString());
        Assert.Equal(new TlsFiles(certificate, key), admission.Tls);
        Assert.Equal(["cache.svc", "10.0.0.1"], admission.Hosts);
        Assert.Equal(["default", "docker-hub"], admission.Tiers);
        Assert.Empty(admission.ExcludedNamespaces);
        Assert.Equal(["ghcr.io/acme/millpond"], admission.OwnImages);
        Assert.Equal(["old.corp.example", "123456789012.dkr.ecr.eu-west-1.amazonaws.com"], admission.OldRegistries.Select(registry => registry.ToString()));
    }

    [Theory]
    [InlineData("listen: []\n", 1, "listen", "empty", "http://127.0.0.1:5000")]
    [InlineData("admission:\n  listen: http://127.0.0.1:8443\n  registry: a.example\n  selfSigned: true", 2, "admission.listen", "by https only", "https://127.0.0.1:8443")]
    [InlineData("admission:\n  registry: a.example\n  listen: https://127.0.0.1:8443", 3, "admission.listen", "no certificate", "selfSigned: true")]
    [InlineData("admission: {listen: 'https://127.0.0.1:8443', selfSigned: true}", 1, "admission.registry", "Nothing says what references are rewritten to", "publicUrl")]
    [InlineData("admission: {listen: 'https://127.0.0.1:5000', selfSigned: true, registry: a.example}", 1, "admission.listen", "is taken by", "a port of its own")]
    [InlineData("admission: {tls: {certificate: /dev/null}}", 1, "admission.tls.key", "missing beside", "together")]
    [InlineData("admission: {listen: 'https://127.0.0.1:1', registry: a.example, selfSigned: true, tls: {certificate: /dev/null, key: /dev/null}}", 1, "admission.selfSigned", "told to make one", "Keep either")]
    [InlineData("admission: {registry: cache}", 1, "admission.registry", "'cache' is no registry", "cache.corp.example")]
    [InlineData("admission: {oldRegistries: [cache]}", 1, "admission.oldRegistries", "'cache' is no registry", "cache.corp.example")]
    [InlineData("admission: {ownImages: ['ghcr.io/acme/millpond:1']}", 1, "admission.ownImages", "tag or a digest", "Write ghcr.io/acme/millpond")]
    [InlineData("admission: {ownImages: ['A b']}", 1, "admission.ownImages", "no image's name", "registry.corp.example/millpond")]
    [InlineData("admission: {excludeNamespaces: ['kube.system']}", 1, "admission.excludeNamespaces", "no namespace", "kube-system")]
    [InlineData("admission: {excludeNamespaces: [Kube-System]}", 1, "admission.excludeNamespaces", "no namespace", "kube-system")]
    [InlineData("admission: {tiers: [opt-on]}", 1, "admission.tiers", "no tier and no rule 'opt-on'", "'opt-in'")]
    [InlineData("admission: {tiers: [docker-hub]}", 1, "admission.tiers", "no rule 'docker-hub'", "Write a rule")]
    [InlineData("admission: {tiers: []}", 1, "admission.tiers", "empty", "all")]
    [InlineData("admission: {host: [a]}", 1, "admission.host", "no such key", "'hosts'")]
    public void Mistakes_are_told_with_their_place_and_remedy(string yaml, int line, string key, string what, string remedy)
    {
        var mistake = ConfigurationFile.Wrong(yaml);

        Assert.Equal((line, key), (mistake.Line, mistake.Key));
        Assert.Contains(what, mistake.What, StringComparison.Ordinal);
        Assert.Contains(remedy, mistake.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Listeners_of_reviews_may_be_anywhere_as_nobody_pulls_there() =>
        Assert.True(ConfigurationFile.Right("admission: {listen: 'https://0.0.0.0:8443', selfSigned: true, registry: cache.corp.example}").Admission.IsOn);

    [Fact]
    public void Flags_switch_reviews_on()
    {
        using var file = new ConfigurationFile("publicUrl: https://cache.corp.example");
        file.Flags.Add(new("--admission", "https://0.0.0.0:8443"));
        file.Flags.Add(new("--self-signed", "true"));

        var result = file.Read();

        Assert.True(result.Configuration is { Admission: { IsOn: true, Tls: null } }, result.Describe());
    }

    [Fact]
    public void Variables_do_as_well()
    {
        var admission = ConfigurationFile.Right(
            "",
            ("MILLPOND__ADMISSION__LISTEN", "https://0.0.0.0:8443"), ("MILLPOND__ADMISSION__SELFSIGNED", "true"), ("MILLPOND__ADMISSION__REGISTRY", "cache.corp.example"),
            ("MILLPOND__ADMISSION__EXCLUDENAMESPACES", "kube-system,millpond")).Admission;

        Assert.True(admission.IsOn);
        Assert.Equal(["kube-system", "millpond"], admission.ExcludedNamespaces);
    }
}
