using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Millpond.Server.Files;

namespace Millpond.Server.Admission;

/// <summary>
/// A certificate authority of the server's own, kept in a file with its key: it stays the same over renewals of what it signs, so that
/// a webhook configuration needs to learn it once.
/// </summary>
internal sealed class SelfSignedAuthority : IDisposable
{
    /// <summary>Long, because its end is the one moment at which somebody must copy a certificate by hand.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(20 * 365);

    /// <summary>Clocks of a cluster differ: what is made now is already good for one that is slow.</summary>
    private static readonly TimeSpan Backdated = TimeSpan.FromHours(1);

    private readonly X509Certificate2 certificate;

    private SelfSignedAuthority(X509Certificate2 certificate)
    {
        this.certificate = certificate;
    }

    /// <summary>The certificate alone, which is nobody's secret.</summary>
    public string Pem => certificate.ExportCertificatePem() + "\n";

    public DateTimeOffset NotAfter => certificate.NotAfter.ToUniversalTime();

    /// <summary>What an earlier start kept; null where there is none.</summary>
    /// <exception cref="AuthorityUnusableException">The file holds no authority. Another one would be refused by whoever trusts the first.</exception>
    public static SelfSignedAuthority? Load(string path)
    {
        try
        {
            return File.Exists(path) ? new(X509Certificate2.CreateFromPemFile(path, path)) : null;
        }
        catch (Exception failure) when (failure is CryptographicException or UnauthorizedAccessException)
        {
            throw new AuthorityUnusableException(
                $"The authority of the admission certificate in {path} cannot be used: {failure.Message.TrimEnd('.')}. "
                + "Restore the file, or delete it and give the webhook configuration the new caBundle", failure);
        }
    }

    /// <summary>Makes an authority and keeps it.</summary>
    public static SelfSignedAuthority Make(string path, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Millpond admission authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var authority = new SelfSignedAuthority(request.CreateSelfSigned(now - Backdated, now + Lifetime));
        PrivateFile.Write(path, $"{authority.Pem}{key.ExportPkcs8PrivateKeyPem()}\n");
        return authority;
    }

    /// <summary>A server's certificate with its key, as PEM.</summary>
    /// <param name="names">DNS names and IP addresses.</param>
    /// <param name="now">When it begins.</param>
    /// <param name="notAfter">When it ends, or with the authority if that ends sooner.</param>
    public string Issue(IEnumerable<string> names, DateTimeOffset now, DateTimeOffset notAfter)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Millpond admission", key, HashAlgorithmName.SHA256);
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

        request.CertificateExtensions.Add(alternatives.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new("1.3.6.1.5.5.7.3.1")], false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(certificate, true, false));
        var begin = Later(now - Backdated, certificate.NotBefore);
        var end = notAfter < NotAfter ? notAfter : NotAfter;
        using var leaf = request.Create(certificate, begin, end, Serial());
        return $"{leaf.ExportCertificatePem()}\n{key.ExportPkcs8PrivateKeyPem()}\n";
    }

    public bool HasSigned(X509Certificate2 leaf) => leaf.IssuerName.RawData.AsSpan().SequenceEqual(certificate.SubjectName.RawData)
        && leaf.Extensions.OfType<X509AuthorityKeyIdentifierExtension>().FirstOrDefault()?.KeyIdentifier is { } signer
        && certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>().FirstOrDefault() is { } own
        && signer.Span.SequenceEqual(own.SubjectKeyIdentifierBytes.Span);

    public void Dispose() => certificate.Dispose();

    private static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;

    /// <summary>A positive number of 127 bits.</summary>
    private static byte[] Serial()
    {
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] = (byte)((serial[0] & 0x7F) | 0x40);
        return serial;
    }
}
