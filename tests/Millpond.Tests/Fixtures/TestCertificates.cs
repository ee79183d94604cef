using System.Security.Cryptography.X509Certificates;

namespace Millpond.Tests.Fixtures;

/// <summary>An authority of a test's own, that signs certificates for servers and clients on this machine.</summary>
public sealed class TestCertificates : IDisposable
{
    private readonly X509Certificate2 authority = TestX509.Authority("CN=A test's authority");

    /// <summary>What clients trust.</summary>
    public string AuthorityPem => authority.ExportCertificatePem();

    /// <summary>A certificate for localhost, 127.0.0.1 and further names, good for servers and clients.</summary>
    public X509Certificate2 Issue(params string[] names) =>
        TestX509.Issue(authority, "CN=localhost", ["localhost", "127.0.0.1", .. names], TestX509.Server, TestX509.Client);

    /// <summary>A certificate and its key as PEM files.</summary>
    public (string Certificate, string Key) IssueFiles(TemporaryFolder folder, string name, params string[] names)
    {
        using var certificate = Issue(names);
        return (folder.Write($"{name}.crt", certificate.ExportCertificatePem()), folder.Write($"{name}.key", certificate.KeyPem()));
    }

    public void Dispose() => authority.Dispose();
}
