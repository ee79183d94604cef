using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;

namespace Millpond.Server.Operations;

/// <summary>
/// The authority under which clients of a listener must have a certificate; its file is looked at again while handshakes come. Who shows one
/// that is not under it gets no connection; who shows none is told so by an answer, for a handshake that fails tells an operator nothing.
/// </summary>
public sealed partial class ClientAuthority
{
    /// <summary>What a certificate must be for, where it says for what it is.</summary>
    private const string ForClients = "1.3.6.1.5.5.7.3.2";

    private readonly string path;
    private readonly TimeProvider time;
    private readonly ILogger<ClientAuthority> log;
    private readonly Lock reading = new();
    private X509Certificate2Collection trusted;
    private string seen;
    private long lookedAt;

    private ClientAuthority(string path, TimeProvider time, ILogger<ClientAuthority> log)
    {
        (this.path, this.time, this.log) = (path, time, log);
        seen = File.ReadAllText(path);
        trusted = Parse(seen);
        lookedAt = time.GetTimestamp();
    }

    /// <exception cref="CertificateException">There is no certificate in the file.</exception>
    public static ClientAuthority Open(string path, TimeProvider time, ILogger<ClientAuthority> log)
    {
        try
        {
            return new(path, time, log);
        }
        catch (Exception failure) when (IsBad(failure))
        {
            throw new CertificateException($"The authority of clients' certificates, {path}, cannot be used: {failure.Message.TrimEnd('.')}", "Give a PEM file with the certificate of the authority", failure);
        }
    }

    /// <summary>Has clients asked for a certificate.</summary>
    public SslServerAuthenticationOptions AddTo(SslServerAuthenticationOptions options)
    {
        options.ClientCertificateRequired = true;
        options.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            VerificationTime = time.GetUtcNow().UtcDateTime,
            ApplicationPolicy = { new Oid(ForClients) },
        };
        options.CertificateChainPolicy.CustomTrustStore.AddRange(Trusted());
        options.RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
        {
            if (certificate is null || errors == SslPolicyErrors.None)
            {
                return true;
            }

            Log.Refused(log, certificate.Subject, path);
            return false;
        };
        return options;
    }

    private static bool IsBad(Exception failure) => failure is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException;

    private static X509Certificate2Collection Parse(string text)
    {
        var found = new X509Certificate2Collection();
        found.ImportFromPem(text);
        return found.Count > 0 ? found : throw new CryptographicException("It holds no certificate");
    }

    private X509Certificate2Collection Trusted()
    {
        lock (reading)
        {
            if (time.GetElapsedTime(lookedAt) >= CertificateReloader.Period)
            {
                lookedAt = time.GetTimestamp();
                Look();
            }

            return trusted;
        }
    }

    /// <summary>What cannot be used is told once, and the one from before holds on.</summary>
    private void Look()
    {
        var found = "";
        try
        {
            found = File.ReadAllText(path);
            if (found != seen)
            {
                trusted = Parse(found);
                Log.Reloaded(log, path);
            }
        }
        catch (Exception failure) when (IsBad(failure))
        {
            if (found != seen)
            {
                Log.Kept(log, path, failure.Message);
            }
        }

        seen = found;
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "A client showed the certificate {Subject}, which is not under {Path} or not valid now: no connection was made")]
        public static partial void Refused(ILogger logger, string subject, string path);

        [LoggerMessage(2, LogLevel.Information, "The authority of clients' certificates {Path} changed")]
        public static partial void Reloaded(ILogger logger, string path);

        [LoggerMessage(3, LogLevel.Error, "The authority of clients' certificates {Path} changed and cannot be used, so the one from before holds on: {Reason}")]
        public static partial void Kept(ILogger logger, string path, string reason);
    }
}
