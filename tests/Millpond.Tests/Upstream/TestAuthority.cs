using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Millpond.Tests.Upstream;

/// <summary>A certificate authority of a test's own, with its files in a folder that goes with it.</summary>
internal sealed class TestAuthority : IDisposable
{
    private static readonly DateTimeOffset From = DateTimeOffset.UtcNow.AddDays(-1);
    private static readonly DateTimeOffset Until = DateTimeOffset.UtcNow.AddDays(30);

    private readonly string folder = Directory.CreateTempSubdirectory("millpond-ca-").FullName;
    private readonly X509Certificate2 authority;
    private readonly X509Certificate2? intermediate;

    public TestAuthority(string name = "Test CA", bool withIntermediate = false)
    {
        authority = Authority(name, null);
        intermediate = withIntermediate ? Authority($"{name} intermediate", authority) : null;
        File.WriteAllText(Bundle, authority.ExportCertificatePem());
    }

    /// <summary>A PEM file of the root alone.</summary>
    public string Bundle => Path.Join(folder, "ca.pem");

    public X509Certificate2 Root => authority;

    public string FilePath(string name) => Path.Join(folder, name);

    public X509Certificate2 Server(params string[] names)
    {
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var name in names)
        {
            if (IPAddress.TryParse(name, out var address))
            {
                alternatives.AddIpAddress(address);
            }
            else
            {
                alternatives.AddDnsName(name);
            }
        }

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={names[0]}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(alternatives.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        return Issue(request, key);
    }

    /// <summary>Writes a client's certificate, with the intermediate behind it, and its key.</summary>
    public (string Certificate, string Key) WriteClient(string name, string file = "client")
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.2")], critical: false));
        using var certificate = Issue(request, key);
        File.WriteAllText(FilePath($"{file}.crt"), certificate.ExportCertificatePem() + "\n" + intermediate?.ExportCertificatePem());
        File.WriteAllText(FilePath($"{file}.key"), key.ExportPkcs8PrivateKeyPem());
        return (FilePath($"{file}.crt"), FilePath($"{file}.key"));
    }

    public void Dispose()
    {
        authority.Dispose();
        intermediate?.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static X509Certificate2 Authority(string name, X509Certificate2? issuer)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        return issuer is null
            ? request.CreateSelfSigned(From, Until)
            : request.Create(issuer, From, Until, RandomNumberGenerator.GetBytes(8)).CopyWithPrivateKey(key);
    }

    private X509Certificate2 Issue(CertificateRequest request, ECDsa key)
    {
        using var bare = request.Create(intermediate ?? authority, From, Until.AddDays(-1), RandomNumberGenerator.GetBytes(8));
        using var complete = bare.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(complete.Export(X509ContentType.Pfx), null);
    }
}
