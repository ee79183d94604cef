using System.Security.Cryptography.X509Certificates;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Operations;

/// <summary>A private authority with an intermediate, and a folder where it leaves server certificates as PEM files.</summary>
internal sealed class CertificateFiles : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly X509Certificate2 intermediate;

    public CertificateFiles()
    {
        Root = TestX509.Authority("CN=root");
        intermediate = TestX509.Authority("CN=intermediate", Root);
    }

    public X509Certificate2 Root { get; }

    public TlsFiles Files => new(Path("tls.crt"), Path("tls.key"));

    public string Path(string name) => folder.File(name);

    /// <summary>A certificate for a name, with the intermediate behind it, and its key.</summary>
    public (string Certificate, string Key) Make(string name)
    {
        using var leaf = TestX509.Issue(intermediate, "", [name]);
        return ($"{leaf.ExportCertificatePem()}\n{intermediate.ExportCertificatePem()}\n", leaf.KeyPem());
    }

    public void Write((string Certificate, string Key) pair)
    {
        File.WriteAllText(Files.Certificate, pair.Certificate);
        File.WriteAllText(Files.Key, pair.Key);
    }

    public void Dispose()
    {
        Root.Dispose();
        intermediate.Dispose();
        folder.Dispose();
    }
}
