using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;
using Millpond.Server.Configuration;

namespace Millpond.Server.Operations;

/// <summary>
/// The certificate of https listeners, read again when its files change. Their bytes are compared, not their times: mounted secrets
/// are swapped by symbolic links, where times and file numbers say little, and the files are small.
/// </summary>
public sealed partial class CertificateReloader : IDisposable
{
    /// <summary>How soon a renewed certificate is served; two small files are read that often.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    private readonly TlsFiles files;
    private readonly ILogger<CertificateReloader> log;
    private readonly ITimer timer;
    private readonly Lock polling = new();
    private volatile SslStreamCertificateContext current;
    private string seen;

    private CertificateReloader(TlsFiles files, (SslStreamCertificateContext Context, string Seen) first, TimeProvider time, ILogger<CertificateReloader> log)
    {
        this.files = files;
        this.log = log;
        (current, seen) = first;
        Log.Serving(log, NameOf(Current), Current.NotAfter.ToUniversalTime());
        timer = time.CreateTimer(_ => Poll(), null, Period, Period);
    }

    /// <summary>The certificate served now.</summary>
    public X509Certificate2 Current => current.TargetCertificate;

    /// <summary>
    /// For <c>ListenOptions.UseHttps</c>. It gives the whole chain of the file; a plain certificate selector would send the leaf only,
    /// which clients refuse when an intermediate authority signed it.
    /// </summary>
    /// <param name="reloader">Asked at each handshake: listeners are set up before there is a log for the reloader.</param>
    /// <param name="clients">Under which authority clients must have a certificate; null for none.</param>
    public static TlsHandshakeCallbackOptions HandshakeOptions(Func<CertificateReloader> reloader, Func<ClientAuthority?> clients) => new()
    {
        OnConnection = _ =>
        {
            var options = new SslServerAuthenticationOptions { ServerCertificateContext = reloader().current };
            return ValueTask.FromResult(clients() is { } authority ? authority.AddTo(options) : options);
        },
    };

    /// <exception cref="CertificateException">There is no certificate to begin with.</exception>
    public static CertificateReloader Open(TlsFiles files, TimeProvider time, ILogger<CertificateReloader> log)
    {
        try
        {
            var read = Files.Read(files);
            return new(files, (Load(read), read.Fingerprint), time, log);
        }
        catch (Exception failure) when (IsBadCertificate(failure))
        {
            throw new CertificateException(
                $"The certificate {files.Certificate} with the key {files.Key} cannot be used: {failure.Message.TrimEnd('.')}",
                "Give a PEM file with the certificate and its chain, and one with its unencrypted key", failure);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => timer.Dispose();

    private static bool IsBadCertificate(Exception failure) =>
        failure is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException;

    private static SslStreamCertificateContext Load(Files files)
    {
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(files.Certificate);
        var certificate = X509Certificate2.CreateFromPem(files.Certificate, files.Key);

        // Offline: a start or a handshake never waits for an authority's server.
        return SslStreamCertificateContext.Create(certificate, [.. chain.Skip(1)], offline: true);
    }

    /// <summary>Many certificates have an empty subject and alternative names only.</summary>
    private static string NameOf(X509Certificate2 certificate) => certificate.GetNameInfo(X509NameType.DnsName, forIssuer: false);

    private void Poll()
    {
        // A poll that hangs on a dead mount is not joined by the next.
        if (!polling.TryEnter())
        {
            return;
        }

        try
        {
            Look();
        }
        finally
        {
            polling.Exit();
        }
    }

    /// <summary>A bad state of the files is tried and told once, not at every poll.</summary>
    private void Look()
    {
        var found = "";
        try
        {
            var read = Files.Read(files);
            found = read.Fingerprint;
            if (found == seen)
            {
                return;
            }

            current = Load(read);
            Log.Reloaded(log, NameOf(Current), Current.NotAfter.ToUniversalTime());
        }
        catch (Exception failure) when (IsBadCertificate(failure))
        {
            if (found != seen)
            {
                Log.Kept(log, files.Certificate, files.Key, Current.NotAfter.ToUniversalTime(), failure.Message);
            }
        }

        seen = found;
    }

    /// <param name="Fingerprint">Of both files' bytes, so that the key itself is not kept for comparing.</param>
    private sealed record Files(string Certificate, string Key, string Fingerprint)
    {
        public static Files Read(TlsFiles files)
        {
            var (certificate, key) = (File.ReadAllText(files.Certificate), File.ReadAllText(files.Key));
            var bytes = System.Text.Encoding.UTF8.GetBytes($"{certificate}\0{key}");
            return new(certificate, key, Convert.ToHexStringLower(SHA256.HashData(bytes)));
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Serving the certificate {Subject}, valid until {NotAfter:u}")]
        public static partial void Serving(ILogger log, string subject, DateTimeOffset notAfter);

        [LoggerMessage(2, LogLevel.Information, "The certificate's files changed: now serving {Subject}, valid until {NotAfter:u}")]
        public static partial void Reloaded(ILogger log, string subject, DateTimeOffset notAfter);

        [LoggerMessage(3, LogLevel.Error, "The certificate's files {Certificate} and {Key} changed and cannot be used, so the old certificate (valid until {NotAfter:u}) is served on: {Reason}")]
        public static partial void Kept(ILogger log, string certificate, string key, DateTimeOffset notAfter, string reason);
    }
}
