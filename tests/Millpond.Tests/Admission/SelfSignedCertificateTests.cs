using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Admission;
using Millpond.Server.Configuration;
using Millpond.Server.Operations;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Admission;

/// <summary>The certificate that a server makes for itself.</summary>
public sealed class SelfSignedCertificateTests : IDisposable
{
    private static readonly AdmissionConfiguration Configuration = new() { Listen = [new("https://10.1.2.3:8443")], Hosts = ["millpond.millpond.svc", "10.9.8.7"] };

    private readonly TemporaryFolder data = new();
    private readonly FakeTimeProvider time = new(new DateTimeOffset(2026, 6, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly CollectedLog log = new();

    public void Dispose() => data.Dispose();

    [Fact]
    public void It_tells_the_configured_names_the_listeners_and_this_machine_and_its_authority_has_signed_it()
    {
        using var certificate = Open();
        using var leaf = Leaf(certificate);
        using var authority = Authority(certificate);

        var names = leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>().Single();
        Assert.Equal(["millpond.millpond.svc", "localhost"], names.EnumerateDnsNames());
        Assert.Equal(["10.9.8.7", "10.1.2.3", "127.0.0.1", "::1"], names.EnumerateIPAddresses().Select(address => address.ToString()));
        Assert.True(leaf.MatchesHostname("millpond.millpond.svc"));
        Assert.True(IsTrusted(leaf, authority));
        Assert.False(authority.HasPrivateKey);
        Assert.True(leaf.HasPrivateKey);
    }

    [Fact]
    public void Its_keys_are_this_user_s_alone()
    {
        using var certificate = Open();

        foreach (var file in Directory.GetFiles(data.File("admission")).Where(file => File.ReadAllText(file).Contains("PRIVATE KEY", StringComparison.Ordinal)))
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }

        Assert.Equal(["authority.pem", "ca.crt", "tls.pem"], Directory.GetFiles(data.File("admission")).Select(Path.GetFileName).Order());
        Assert.DoesNotContain("PRIVATE KEY", File.ReadAllText(data.File("admission/ca.crt")), StringComparison.Ordinal);
        Assert.DoesNotContain("PRIVATE KEY", string.Join('\n', log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public void The_bundle_is_told_at_every_start_and_stays_the_same_as_does_the_certificate()
    {
        string bundle, serial;
        using (var first = Open())
        {
            bundle = first.CaBundle;
            serial = Leaf(first).SerialNumber;
        }

        time.Advance(TimeSpan.FromDays(100));
        using var second = Open();

        Assert.Equal(bundle, second.CaBundle);
        Assert.Equal(serial, Leaf(second).SerialNumber);
        Assert.Equal(2, log.Lines.Count(line => line.Message.EndsWith($"caBundle: {bundle}", StringComparison.Ordinal)));
        Assert.Equal(SelfSignedCertificate.ReadAuthority(data.Path), Encoding.UTF8.GetString(Convert.FromBase64String(bundle)));
    }

    [Fact]
    public void An_authority_that_is_gone_is_told_of_at_the_next_start()
    {
        Open().Dispose();
        Assert.DoesNotContain(log.Lines, line => line.Level == LogLevel.Warning);
        File.Delete(data.File("admission/authority.pem"));
        using var certificate = Open();

        var warning = Assert.Single(log.Lines, line => line.Level == LogLevel.Warning).Message;
        Assert.Contains("authority.pem, is gone", warning, StringComparison.Ordinal);
        Assert.EndsWith($"caBundle: {certificate.CaBundle}", warning, StringComparison.Ordinal);
        Assert.True(IsTrusted(Leaf(certificate), Authority(certificate)));
    }

    [Fact]
    public void It_is_made_anew_months_before_its_end_while_the_server_runs_under_the_same_authority()
    {
        using var certificate = Open();
        var bundle = certificate.CaBundle;
        var serial = Leaf(certificate).SerialNumber;

        time.Advance(TimeSpan.FromDays(240));
        Assert.Equal(serial, Leaf(certificate).SerialNumber);
        time.Advance(TimeSpan.FromDays(6));

        using var renewed = Leaf(certificate);
        Assert.NotEqual(serial, renewed.SerialNumber);
        Assert.True(IsTrusted(renewed, Authority(certificate)));
        Assert.InRange(new DateTimeOffset(renewed.NotAfter), time.GetUtcNow().AddDays(350), time.GetUtcNow().AddDays(366));
        Assert.Equal(bundle, certificate.CaBundle);
    }

    [Fact]
    public void An_expired_one_is_made_anew_at_start()
    {
        Open().Dispose();
        time.Advance(TimeSpan.FromDays(2000));
        using var certificate = Open();

        Assert.True(IsTrusted(Leaf(certificate), Authority(certificate)));
    }

    [Fact]
    public void Other_names_make_another_certificate()
    {
        Open().Dispose();
        using var certificate = Open(Configuration with { Hosts = ["other.svc"] });

        Assert.True(Leaf(certificate).MatchesHostname("other.svc"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    public void A_damaged_certificate_is_made_anew(string content)
    {
        Open().Dispose();
        data.Write("admission/tls.pem", content);
        using var certificate = Open();

        Assert.True(IsTrusted(Leaf(certificate), Authority(certificate)));
    }

    [Fact]
    public void A_damaged_authority_keeps_the_server_from_starting_as_another_one_would_be_trusted_by_nobody()
    {
        Open().Dispose();
        data.Write("admission/authority.pem", "nonsense");

        var refused = Assert.Throws<AuthorityUnusableException>(Open);

        Assert.Contains(data.File("admission/authority.pem"), refused.Message, StringComparison.Ordinal);
        Assert.Contains("caBundle", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_lost_copy_of_the_authority_is_written_again()
    {
        Open().Dispose();
        File.Delete(data.File("admission/ca.crt"));
        using var certificate = Open();

        Assert.Equal(certificate.CaBundle, SelfSignedCertificate.Encode(SelfSignedCertificate.ReadAuthority(data.Path)!));
    }

    [Fact]
    public void An_authority_at_its_end_is_followed_by_another_and_somebody_is_told()
    {
        using var certificate = Open();
        var bundle = certificate.CaBundle;
        time.Advance(TimeSpan.FromDays(19.5 * 365));

        Assert.NotEqual(bundle, certificate.CaBundle);
        Assert.True(IsTrusted(Leaf(certificate), Authority(certificate)));
        var line = Assert.Single(log.Lines, line => line.Level == LogLevel.Warning);
        Assert.EndsWith($"caBundle: {certificate.CaBundle}", line.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_renewal_that_cannot_be_written_is_tried_again()
    {
        using var certificate = Open();
        var serial = Leaf(certificate).SerialNumber;
        time.Advance(TimeSpan.FromDays(365 - 120) - TimeSpan.FromHours(1));
        var obstacle = Directory.CreateDirectory(data.File("admission/tls.pem.new/in-the-way")).Parent!;
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(serial, Leaf(certificate).SerialNumber);
        Assert.Single(log.Lines, line => line.Level == LogLevel.Error);

        obstacle.Delete(recursive: true);
        time.Advance(TimeSpan.FromHours(1));

        Assert.NotEqual(serial, Leaf(certificate).SerialNumber);
    }

    [Fact]
    public async Task A_running_listener_serves_the_one_that_was_made_anew()
    {
        // Made so long ago that its renewal is due at the server's first look.
        using var server = new TemporaryFolder();
        var configuration = Configuration with { Listen = [new("https://127.0.0.1:0")] };
        using (var old = SelfSignedCertificate.Open(server.File("data"), configuration, time, NullLogger<SelfSignedCertificate>.Instance))
        {
            time.Advance(TimeSpan.FromDays(365 - 120) - TimeSpan.FromMinutes(30));
        }

        await using var reviewer = await Reviewer.StartAsync(_ => configuration with { Registry = RegistryAddress.Parse(Reviewer.Registry) }, new() { Time = time, Data = server });
        var before = File.ReadAllText(server.File("data/admission/tls.pem"));
        var first = await reviewer.ServedSerialAsync();
        time.Advance(TimeSpan.FromHours(1) + CertificateReloader.Period);

        Assert.NotEqual(before, File.ReadAllText(server.File("data/admission/tls.pem")));
        Assert.NotEqual(first, await reviewer.ServedSerialAsync());
    }

    private SelfSignedCertificate Open() => Open(Configuration);

    private SelfSignedCertificate Open(AdmissionConfiguration configuration)
    {
        using var logs = LoggerFactory.Create(logging => logging.AddProvider(log));
        return SelfSignedCertificate.Open(data.Path, configuration, time, logs.CreateLogger<SelfSignedCertificate>());
    }

    private static X509Certificate2 Leaf(SelfSignedCertificate certificate) => X509Certificate2.CreateFromPemFile(certificate.Files.Certificate, certificate.Files.Key);

    private static X509Certificate2 Authority(SelfSignedCertificate certificate) =>
        X509Certificate2.CreateFromPem(Encoding.UTF8.GetString(Convert.FromBase64String(certificate.CaBundle)));

    private bool IsTrusted(X509Certificate2 leaf, X509Certificate2 authority)
    {
        using var chain = new X509Chain { ChainPolicy = Reviewer.Trust(authority.ExportCertificatePem()) };
        chain.ChainPolicy.VerificationTime = time.GetUtcNow().UtcDateTime;
        chain.ChainPolicy.ApplicationPolicy.Add(new("1.3.6.1.5.5.7.3.1"));
        return chain.Build(leaf);
    }
}
