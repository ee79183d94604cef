using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Millpond.Server.Configuration;

namespace Millpond.Tests.Operations;

/// <summary>A private authority with an intermediate, and a folder where it leaves server certificates as PEM files.</summary>
internal sealed class CertificateFiles : IDisposable
{
    private static readonly DateTimeOffset NotBefore = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("millpond-tls-");
    private readonly X509Certificate2 intermediate;

    public CertificateFiles()
    {
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Root = Authority("CN=root", rootKey).CreateSelfSigned(NotBefore, NotBefore.AddYears(20));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        intermediate = Authority("CN=intermediate", key).Create(Root, NotBefore, NotBefore.AddYears(10), [1, 2, 3]).CopyWithPrivateKey(key);
    }

    public X509Certificate2 Root { get; }

    public TlsFiles Files => new(Path("tls.crt"), Path("tls.key"));

    public string Path(string name) => System.IO.Path.Join(folder.FullName, name);

    /// <summary>A certificate for a name, with the intermediate behind it, and its key.</summary>
    public (string Certificate, string Key) Make(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build(critical: true));
        using var leaf = request.Create(intermediate, NotBefore, NotBefore.AddYears(5), RandomNumberGenerator.GetBytes(8));
        return ($"{leaf.ExportCertificatePem()}\n{intermediate.ExportCertificatePem()}\n", key.ExportPkcs8PrivateKeyPem());
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
        folder.Delete(recursive: true);
    }

    private static CertificateRequest Authority(string name, ECDsa key)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request;
    }
}
