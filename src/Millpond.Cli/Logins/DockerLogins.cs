using System.Net;
using System.Text;
using System.Text.Json;
using Millpond.Cli.Files;

namespace Millpond.Cli.Logins;

/// <summary>
/// The login for a server where <c>docker login</c> and its kind keep it: in a file, or with the credential helper that the file names for
/// the server (<c>credHelpers</c>) or for all (<c>credsStore</c>). A helper is asked only when the server asks for a login.
/// </summary>
internal sealed class DockerLogins : ICredentials
{
    private readonly Lazy<(NetworkCredential? Login, string Failure)> found;
    private readonly Uri server;
    private readonly string file;
    private readonly bool isReadable;

    private DockerLogins(Uri server, string file, Func<(NetworkCredential? Login, string Failure)> find)
    {
        this.server = server;
        this.file = file;
        // Beyond this machine anybody on the way would read it.
        isReadable = server.Scheme == Uri.UriSchemeHttp && !server.IsLoopback;
        found = new(isReadable ? () => (null, "") : find);
    }

    /// <summary>User name and password; null where there are none, or none that may be sent.</summary>
    public NetworkCredential? Login => found.Value.Login;

    /// <param name="named">The file that was named; null for docker's own, which need not be there.</param>
    /// <param name="server">For which server.</param>
    /// <exception cref="CommandFailedException">The file that was named has no login for the server, or the server may not be sent one.</exception>
    public static DockerLogins Read(FileInfo? named, Uri server)
    {
        var file = named?.FullName ?? DefaultFile();
        try
        {
            var (helper, login) = Find(InputFile.ReadAll(file), server);
            if (named is not null && helper is null && login is null)
            {
                throw new CommandFailedException($"--auth-file {named} has no login for {server.Authority}, and names no credential helper for it.");
            }

            var logins = new DockerLogins(server, file, () => helper?.Get(server.Authority) ?? (login, ""));
            return named is not null && logins.isReadable
                ? throw new CommandFailedException($"--auth-file {named}: {logins.Remedy}")
                : logins;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or FormatException or InvalidOperationException)
        {
            // The server may not ask for a login; if it does, the remedy names the file.
            return named is null ? new DockerLogins(server, file, () => (null, "")) : throw new CommandFailedException($"--auth-file {named}: {e.Message}", e);
        }
    }

    /// <summary>What to do about a login that is asked for or not accepted.</summary>
    public string Remedy => this switch
    {
        { isReadable: true } => $"{server.Scheme}://{server.Authority} would be sent the password readably for everybody on the way; use https, or a tunnel to this machine (ssh -L, kubectl port-forward).",
        { Login: not null } => $"The login that {file} has for {server.Authority} is not accepted.",
        { found.Value.Failure: { Length: > 0 } failure } => $"{failure}, and {file} says to ask it. Log in again (docker login {server.Authority}), or name another file with --auth-file.",
        _ => $"Have a login for {server.Authority} in {file} (docker login {server.Authority}), or name such a file with --auth-file.",
    };

    /// <summary>Sent to no other origin, and there only when it is asked for.</summary>
    public NetworkCredential? GetCredential(Uri uri, string authType) =>
        authType.Equals("Basic", StringComparison.OrdinalIgnoreCase) && uri.Scheme == server.Scheme && uri.Authority == server.Authority ? Login : null;

    private static string DefaultFile() => Path.Join(
        Environment.GetEnvironmentVariable("DOCKER_CONFIG") is { Length: > 0 } folder
            ? folder
            : Path.Join(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".docker"),
        "config.json");

    // The helper of the server, else a login that stands in the file, else the helper of all.
    private static (CredentialProgram? Helper, NetworkCredential? Login) Find(byte[] content, Uri server)
    {
        using var json = JsonDocument.Parse(content);
        var root = json.RootElement;
        if (root.TryGetProperty("credHelpers", out var helpers)
            && helpers.EnumerateObject().FirstOrDefault(helper => IsFor(helper.Name, server)).Value is { ValueKind: JsonValueKind.String } own
            && own.GetString() is { Length: > 0 } ownName)
        {
            return (new CredentialProgram(ownName), null);
        }

        var login = root.TryGetProperty("auths", out var logins) ? InFile(logins, server) : null;
        return login is null && root.TryGetProperty("credsStore", out var store) && store.GetString() is { Length: > 0 } name
            ? (new CredentialProgram(name), null)
            : (null, login);
    }

    private static NetworkCredential? InFile(JsonElement logins, Uri server)
    {
        foreach (var login in logins.EnumerateObject().Where(login => IsFor(login.Name, server)))
        {
            if (login.Value.TryGetProperty("auth", out var both) && both.GetString() is { Length: > 0 } encoded
                && Encoding.UTF8.GetString(Convert.FromBase64String(encoded)).Split(':', 2) is [var user, var password])
            {
                return new NetworkCredential(user, password);
            }
        }

        return null;
    }

    // A host with its port, where that is not the usual one; older programs wrote a URL.
    private static bool IsFor(string key, Uri server)
    {
        var scheme = key.IndexOf("://", StringComparison.Ordinal);
        var host = (scheme < 0 ? key : key[(scheme + 3)..]).Split('/')[0];
        return host.Equals(server.Authority, StringComparison.OrdinalIgnoreCase)
            || host.Equals($"{server.Host}:{server.Port}", StringComparison.OrdinalIgnoreCase);
    }
}
