using System.Security.Cryptography.X509Certificates;

namespace Millpond.Server.Operations;

/// <summary>The server's certificate.</summary>
public sealed class CertificateReloader(string certificate, string key)
{
    public X509Certificate2 Current { get; } = X509Certificate2.CreateFromPemFile(certificate, key);
}
