using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Millpond.Cli;
using Millpond.Server.Admission;
using Millpond.Server.Configuration;
using Millpond.Tests.Admission;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cli;

public sealed class AdmissionCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly TestCertificates authority = new();

    public void Dispose()
    {
        authority.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void The_webhook_is_printed_as_one_would_apply_it_and_what_it_lacks_is_told()
    {
        var run = Run("webhook");

        Assert.Equal((0, new WebhookManifest().ToYaml()), (run.ExitCode, run.Output));
        Assert.Contains("--ca-bundle", run.Error, StringComparison.Ordinal);
        Assert.Equal("", Run("webhook", "--ca-file", folder.Write("ca.crt", authority.AuthorityPem)).Error);
    }

    [Fact]
    public void Its_options_are_where_they_belong()
    {
        var bundle = SelfSignedCertificate.Encode(authority.AuthorityPem);
        var run = Run(
            "webhook", "--name", "m", "--namespace", "cache", "--service", "s", "--port", "8443", "--exclude-namespace", "a", "--exclude-namespace", "b", "--opt-in", "--ca-bundle", bundle);

        Assert.Equal(
            new WebhookManifest { Name = "m", Namespace = "cache", Service = "s", Port = 8443, ExcludedNamespaces = ["a", "b"], IsOptIn = true, CaBundle = bundle }.ToYaml(),
            run.Output);
    }

    [Fact]
    public void The_authority_may_be_a_file()
    {
        var run = Run("webhook", "--ca-file", folder.Write("ca.crt", authority.AuthorityPem));

        Assert.Contains($"caBundle: {SelfSignedCertificate.Encode(authority.AuthorityPem)}\n", run.Output, StringComparison.Ordinal);
    }

    /// <summary>In a pod, half of the configuration stands in variables, and the other half in a file that a verb is not told of.</summary>
    [Fact]
    public void For_the_authority_nothing_counts_but_the_data_folder()
    {
        var environment = new Dictionary<string, string>
        {
            ["MILLPOND__DATA"] = "/somewhere",
            ["MILLPOND__LISTEN"] = "http://0.0.0.0:5000",
            ["MILLPOND__ADMISSION__LISTEN"] = "https://0.0.0.0:8443",
            ["MILLPOND__RULES__GHCR__CREDENTIAL__FILE"] = "/nowhere",
            ["MILLPOND__STORAGE__LIMIT"] = "lots",
            ["MILLPOND__NO_SUCH"] = "x",
        };

        Assert.Equal("/somewhere", ConfigurationReader.ReadDataFolder(null, environment, [], out var mistakes));
        Assert.Empty(mistakes);
        Assert.Equal("/flag", ConfigurationReader.ReadDataFolder(null, environment, [new("--data", "/flag")], out _));
        Assert.Null(ConfigurationReader.ReadDataFolder("/nowhere/millpond.yaml", environment, [], out mistakes));
        Assert.Contains("cannot be read", Assert.Single(mistakes).What, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--ca-bundle: QUJD", "certificates in PEM", "webhook", "--ca-bundle", "QUJD")]
    [InlineData("no base64", "cannot be read", "webhook", "--ca-bundle", "%%%")]
    [InlineData("no file", "absent.crt", "webhook", "--ca-file", "absent.crt")]
    [InlineData("two of them", "name one of them", "webhook", "--ca-bundle", "QUJD", "--ca-file", "x")]
    [InlineData("http", "https", "webhook", "--url", "http://a.example")]
    [InlineData("no URL", "https", "webhook", "--url", "a.example")]
    [InlineData("a name with YAML in it", "no name in Kubernetes", "webhook", "--name", "a: b")]
    [InlineData("a port", "65535", "webhook", "--port", "0")]
    [InlineData("no registry", "--registry HOST", "policy")]
    [InlineData("half a registry", "no registry", "policy", "--registry", "cache")]
    [InlineData("no tier", "no tier", "policy", "--registry", "cache.example.com", "--tiers", "everything")]
    [InlineData("an image with a tag", "--own-image", "policy", "--registry", "cache.example.com", "--own-image", "a/b:1")]
    [InlineData("no authority yet", "--self-signed", "ca-bundle", "--data", "nowhere")]
    public void What_is_wrong_is_told_in_a_line(string what, string told, params string[] arguments)
    {
        var run = Run(arguments);

        Assert.True(run.ExitCode == 2, $"{what}: {run}");
        Assert.Equal("", run.Output);
        Assert.Contains(told, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_private_key_is_not_passed_on()
    {
        var (_, key) = authority.IssueFiles(folder, "tls");
        var run = Run("webhook", "--ca-file", folder.Write("both.pem", authority.AuthorityPem + "\n" + File.ReadAllText(key)));

        Assert.Equal((2, ""), (run.ExitCode, run.Output));
    }

    [Fact]
    public void The_policy_of_presets_needs_no_configuration() =>
        Assert.Equal(new CommandRun(0, PolicyManifestTests.Default().ToYaml(), ""), Run("policy", "--registry", "cache.example.com"));

    [Fact]
    public void The_policy_of_a_server_has_its_rules_and_exceptions()
    {
        var file = folder.Write("millpond.yaml", """
            admission:
              registry: cache.corp.example
              excludeNamespaces: [kube-system, storage]
              ownImages: [registry.corp.example/millpond]
              tiers: [default]
            rules: [{prefix: gcr, upstream: gcr.io}]
            """);
        var all = Run("policy", "--config", file, "--tiers", "all").Output;
        var some = Run("policy", "--config", file).Output;

        Assert.Contains("'cache.corp.example/gcr/' + e.image.substring(7)", all, StringComparison.Ordinal);
        Assert.Contains("e.image.startsWith('gcr.io/') ? '' :", some, StringComparison.Ordinal);
        Assert.Contains("values: [kube-system, storage, millpond]", some, StringComparison.Ordinal);
        Assert.Contains("registry[.]corp[.]example/millpond", some, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("default,gcs")]
    [InlineData("")]
    public void A_tier_that_is_none_of_the_servers_is_refused(string tiers)
    {
        var run = Run("policy", "--config", folder.Write("millpond.yaml", "{admission: {registry: c.example}, rules: [{prefix: gcr, upstream: gcr.io}]}"), "--tiers", tiers);

        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Contains("gcr", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Mistakes_of_a_configuration_are_told()
    {
        var run = Run("policy", "--config", folder.Write("millpond.yaml", "data: [a]"));

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("millpond.yaml:1: data: a list stands", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_bundle_of_a_server_is_one_line_or_PEM()
    {
        var configuration = new AdmissionConfiguration { Listen = [new("https://127.0.0.1:0")] };
        string bundle;
        using (var certificate = SelfSignedCertificate.Open(folder.File("data"), configuration, TimeProvider.System, NullLogger<SelfSignedCertificate>.Instance))
        {
            bundle = certificate.CaBundle;
        }

        Assert.Equal(new CommandRun(0, bundle + "\n", ""), Run("ca-bundle", "--data", folder.File("data")));
        var pem = Run("ca-bundle", "--config", folder.Write("millpond.yaml", $"data: {folder.File("data")}"), "--pem").Output;
        Assert.Equal(Encoding.UTF8.GetString(Convert.FromBase64String(bundle)), pem);
        Assert.StartsWith("-----BEGIN CERTIFICATE-----\n", pem, StringComparison.Ordinal);
    }

    private static CommandRun Run(params string[] arguments) => CommandRun.Of(AdmissionCommand.Create(), arguments);
}
