using System.Collections.Immutable;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.Logging;
using Millpond.Server.Configuration;
using Millpond.Server.Files;

namespace Millpond.Server.Admission;

/// <summary>
/// A certificate for reviews that needs nobody else: cert-manager is itself an image that has to be pulled. Made once under an
/// authority of the server's own, kept in the data folder, and made anew long before it ends; whoever serves it follows the file.
/// </summary>
public sealed partial class SelfSignedCertificate : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const string FolderName = "admission";
    private const string BundleName = "ca.crt";

    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(365);
    private static readonly TimeSpan RenewedBefore = TimeSpan.FromDays(120);
    private static readonly TimeSpan Period = TimeSpan.FromHours(1);

    private readonly string folder;
    private readonly ImmutableArray<string> names;
    private readonly TimeProvider time;
    private readonly ILogger<SelfSignedCertificate> log;
    private readonly Lock renewing = new();
    private readonly ITimer timer;
    private SelfSignedAuthority authority;
    private DateTimeOffset due;

    private SelfSignedCertificate(string folder, ImmutableArray<string> names, TimeProvider time, ILogger<SelfSignedCertificate> log)
    {
        this.folder = folder;
        this.names = names;
        this.time = time;
        this.log = log;
        authority = SelfSignedAuthority.Load(AuthorityPath) ?? MakeAuthority();
        Renew();
        Log.Bundle(log, CaBundle);
        timer = time.CreateTimer(_ => Look(), null, Period, Period);
    }

    /// <summary>The certificate and its key, both in one file.</summary>
    public TlsFiles Files => new(CertificatePath, CertificatePath);

    /// <summary>The authority as a webhook configuration's <c>caBundle</c> has it: PEM in base64.</summary>
    public string CaBundle => Encode(authority.Pem);

    private string AuthorityPath => Path.Join(folder, "authority.pem");

    private string CertificatePath => Path.Join(folder, "tls.pem");

    /// <summary>Takes the certificate of an earlier start, or makes one.</summary>
    /// <param name="data">The data folder.</param>
    /// <param name="configuration">Names and listeners of which the certificate must tell.</param>
    /// <param name="time">When it must be made anew.</param>
    /// <param name="log">Told the bundle.</param>
    /// <exception cref="AuthorityUnusableException">There is an authority, but it cannot be read.</exception>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static SelfSignedCertificate Open(string data, AdmissionConfiguration configuration, TimeProvider time, ILogger<SelfSignedCertificate> log)
    {
        var folder = Path.Join(data, FolderName);
        Directory.CreateDirectory(folder, OwnerOnly);
        return new(folder, NamesOf(configuration), time, log);
    }

    /// <summary>The authority's certificate of a server's data folder, as PEM; null where no server has made one.</summary>
    public static string? ReadAuthority(string data)
    {
        var path = Path.Join(data, FolderName, BundleName);
        return File.Exists(path) ? File.ReadAllText(path) : null;
    }

    /// <summary>PEM as a <c>caBundle</c>.</summary>
    public static string Encode(string pem) => Convert.ToBase64String(Encoding.UTF8.GetBytes(pem));

    /// <inheritdoc/>
    public void Dispose()
    {
        timer.Dispose();
        authority.Dispose();
    }

    /// <summary>What is configured, the addresses that are listened on, and this machine for whoever tries it out.</summary>
    private static ImmutableArray<string> NamesOf(AdmissionConfiguration configuration) =>
    [
        .. configuration.Hosts
            .Concat(configuration.Listen.Select(url => url.DnsSafeHost).Where(address => address is not ("0.0.0.0" or "::")))
            .Append("localhost").Append("127.0.0.1").Append("::1")
            .Distinct(StringComparer.OrdinalIgnoreCase),
    ];

    private SelfSignedAuthority MakeAuthority()
    {
        var made = SelfSignedAuthority.Make(AuthorityPath, time.GetUtcNow());
        if (File.Exists(Path.Join(folder, BundleName)))
        {
            // Whoever trusts the one that is gone would refuse every review, in silence.
            Log.LostAuthority(log, AuthorityPath, Encode(made.Pem));
        }

        return made;
    }

    private void Look()
    {
        try
        {
            lock (renewing)
            {
                if (time.GetUtcNow() >= due)
                {
                    Renew();
                }
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or CryptographicException)
        {
            Log.NotRenewed(log, CertificatePath, failure.Message);
        }
    }

    private void Renew()
    {
        var now = time.GetUtcNow();
        if (authority.NotAfter - now < Lifetime)
        {
            authority.Dispose();
            authority = SelfSignedAuthority.Make(AuthorityPath, now);
            Log.NewAuthority(log, CaBundle);
        }

        var bundle = Path.Join(folder, BundleName);
        if (!File.Exists(bundle) || File.ReadAllText(bundle) != authority.Pem)
        {
            PrivateFile.Write(bundle, authority.Pem);
        }

        if (FindEnd(now) is not { } end)
        {
            end = now + Lifetime;
            PrivateFile.Write(CertificatePath, authority.Issue(names, now, end));
        }

        due = end - RenewedBefore;
    }

    /// <summary>The end of the certificate that is kept; null where it is not ours, does not tell all names, or will not last.</summary>
    private DateTimeOffset? FindEnd(DateTimeOffset now)
    {
        try
        {
            if (!File.Exists(CertificatePath))
            {
                return null;
            }

            using var kept = X509Certificate2.CreateFromPemFile(CertificatePath, CertificatePath);
            return authority.HasSigned(kept)
                && kept.NotBefore.ToUniversalTime() <= now
                && kept.NotAfter.ToUniversalTime() - now > RenewedBefore
                && kept.Extensions.OfType<X509SubjectAlternativeNameExtension>().FirstOrDefault() is { } alternatives
                && Texts(alternatives).ToHashSet(StringComparer.OrdinalIgnoreCase).SetEquals(names)
                    ? kept.NotAfter.ToUniversalTime()
                    : null;
        }
        catch (Exception unreadable) when (unreadable is CryptographicException or IOException)
        {
            return null;
        }
    }

    private static IEnumerable<string> Texts(X509SubjectAlternativeNameExtension alternatives) =>
        alternatives.EnumerateDnsNames().Concat(alternatives.EnumerateIPAddresses().Select(static (IPAddress address) => address.ToString()));

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Reviews are answered under an authority of this server's own. caBundle: {CaBundle}")]
        public static partial void Bundle(ILogger logger, string caBundle);

        [LoggerMessage(2, LogLevel.Warning, "The authority of the admission certificate nears its end, so there is a new one. Give it to the webhook configuration. caBundle: {CaBundle}")]
        public static partial void NewAuthority(ILogger logger, string caBundle);

        [LoggerMessage(4, LogLevel.Warning, "The authority of the admission certificate, {Path}, is gone, so there is a new one. Give it to the webhook configuration. caBundle: {CaBundle}")]
        public static partial void LostAuthority(ILogger logger, string path, string caBundle);

        [LoggerMessage(3, LogLevel.Error, "The admission certificate {Path} could not be renewed and is tried again: {Reason}")]
        public static partial void NotRenewed(ILogger logger, string path, string reason);
    }
}
