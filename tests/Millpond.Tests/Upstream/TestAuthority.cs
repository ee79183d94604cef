using System.Security.Cryptography.X509Certificates;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Upstream;

/// <summary>A certificate authority of a test's own, with its files in a folder that goes with it.</summary>
internal sealed class TestAuthority : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly X509Certificate2 authority;
    private readonly X509Certificate2? intermediate;

    public TestAuthority(string name = "Test CA", bool withIntermediate = false)
    {
        authority = TestX509.Authority($"CN={name}");
        intermediate = withIntermediate ? TestX509.Authority($"CN={name} intermediate", authority) : null;
        Bundle = folder.Write("ca.pem", authority.ExportCertificatePem());
    }

    /// <summary>A PEM file of the root alone.</summary>
    public string Bundle { get; }

    public X509Certificate2 Root => authority;

    public string FilePath(string name) => folder.File(name);

    public X509Certificate2 Server(params string[] names) => TestX509.Issue(intermediate ?? authority, $"CN={names[0]}", names, TestX509.Server);

    /// <summary>Writes a client's certificate, with the intermediate behind it, and its key.</summary>
    public (string Certificate, string Key) WriteClient(string name, string file = "client")
    {
        using var certificate = TestX509.Issue(intermediate ?? authority, $"CN={name}", [], TestX509.Client);
        return (folder.Write($"{file}.crt", certificate.ExportCertificatePem() + "\n" + intermediate?.ExportCertificatePem()), folder.Write($"{file}.key", certificate.KeyPem()));
    }

    public void Dispose()
    {
        authority.Dispose();
        intermediate?.Dispose();
        folder.Dispose();
    }
}
