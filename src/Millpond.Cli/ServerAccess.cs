using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Millpond.Cli.Logins;

namespace Millpond.Cli;

/// <summary>How a running server is reached: where it is, whose certificates count, and the login for it.</summary>
/// <param name="url">Where it is.</param>
/// <param name="authorities">Who vouches for its certificate; null for those that the system knows.</param>
/// <param name="logins">Where the login for it is, should it ask for one.</param>
internal sealed class ServerAccess(Uri url, X509Certificate2Collection? authorities, DockerLogins logins)
{
    public Uri Url { get; } = url;

    /// <exception cref="CommandFailedException">The file of authorities, or of logins, cannot be used.</exception>
    public static ServerAccess Of(Uri url, FileInfo? authorities, FileInfo? logins) =>
        new(url, authorities is null ? null : ReadAuthorities(authorities), DockerLogins.Read(logins, url));

    /// <summary>As <see cref="Of(Uri, FileInfo?, FileInfo?)"/>, by what was written on the command line.</summary>
    /// <param name="option">The option that it was written for.</param>
    /// <exception cref="CommandFailedException">It is no URL of a server, or what goes with it cannot be used.</exception>
    public static ServerAccess Of(string option, string text, FileInfo? authorities, FileInfo? logins)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
        {
            throw new CommandFailedException($"{option}: '{text}' is no server's URL; write http:// or https://, host and port.");
        }

        // It would stand in messages, in the history of shells and in lists of processes, and would not even be used.
        return url.UserInfo.Length == 0
            ? Of(url, authorities, logins)
            : throw new CommandFailedException($"{option}: leave user and password out of the URL; the login comes from --auth-file FILE or docker's own.");
    }

    /// <summary>The server that is named, else the one that AWS tools would ask, else the one that <c>serve</c> starts here.</summary>
    /// <param name="named">By <c>--server</c>.</param>
    /// <exception cref="CommandFailedException">It is no URL of a server, or what goes with it cannot be used.</exception>
    public static ServerAccess OrUsual(string? named, IReadOnlyDictionary<string, string> environment, FileInfo? authorities, FileInfo? logins) => Of(
        "--server", named ?? (environment.GetValueOrDefault("AWS_ENDPOINT_URL") is { Length: > 0 } url ? url : "http://127.0.0.1:5000"), authorities, logins);

    /// <summary>What connections are made with.</summary>
    public SocketsHttpHandler CreateHandler()
    {
        var handler = new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(10) };
        if (authorities is not null)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.AddRange(authorities);
            handler.SslOptions.CertificateChainPolicy = policy;
        }

        handler.Credentials = logins;
        handler.PreAuthenticate = true;
        // A proxy of the environment is not this machine: a password that goes over loopback must not take that way.
        handler.UseProxy = !(Url.IsLoopback && Url.Scheme == Uri.UriSchemeHttp);
        return handler;
    }

    /// <summary>What to do about a login that is asked for or not accepted.</summary>
    public string LoginRemedy => logins.Remedy;

    /// <summary>What went wrong in asking, and what to do about it where that is known.</summary>
    public string Describe(HttpRequestException failure) => failure switch
    {
        { StatusCode: HttpStatusCode.Unauthorized } => $"401 Unauthorized. {LoginRemedy}",
        { InnerException: AuthenticationException refused } => $"{refused.Message} {CertificateRemedy}",
        _ => failure.Message,
    };

    private string CertificateRemedy => authorities is null
        ? "Where an authority of your own has signed its certificate, name that one with --ca FILE."
        : "--ca FILE must hold the authority that has signed its certificate.";

    private static X509Certificate2Collection ReadAuthorities(FileInfo file)
    {
        try
        {
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(file.FullName);
            return authorities.Count > 0 ? authorities : throw new CommandFailedException($"--ca {file}: there is no certificate in it (PEM).");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new CommandFailedException($"--ca {file}: {e.Message}", e);
        }
    }
}
