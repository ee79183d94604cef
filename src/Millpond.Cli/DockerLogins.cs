using System.Net;
using System.Text;
using System.Text.Json;

namespace Millpond.Cli;

/// <summary>The login for a server in the file that <c>docker login</c> and its kind write.</summary>
/// <param name="Login">User name and password; null where the file has none for the server.</param>
/// <param name="File">Where they were looked for.</param>
internal sealed record DockerLogins(NetworkCredential? Login, string File)
{
    /// <param name="named">The file that was named; null for docker's own, which need not be there.</param>
    /// <param name="server">For which server.</param>
    /// <exception cref="CommandFailedException">The file that was named has no login for the server.</exception>
    public static DockerLogins Read(FileInfo? named, Uri server)
    {
        var file = named?.FullName ?? DefaultFile();
        try
        {
            var login = Find(System.IO.File.ReadAllBytes(file), server);
            return login is not null || named is null
                ? new DockerLogins(login, file)
                : throw new CommandFailedException($"--auth-file {named} has no login for {server.Authority} (what a credential helper keeps is not in the file).");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or FormatException or InvalidOperationException)
        {
            // The server may not ask for a login; if it does, the remedy names the file.
            return named is null ? new DockerLogins(null, file) : throw new CommandFailedException($"--auth-file {named}: {e.Message}", e);
        }
    }

    public string Remedy(string server) => Login is null
        ? $"Have a login for {server} in {File} (docker login {server}; what a credential helper keeps is not read), or name such a file with --auth-file."
        : $"The login that {File} has for {server} is not accepted.";

    private static string DefaultFile() => Path.Join(
        Environment.GetEnvironmentVariable("DOCKER_CONFIG") is { Length: > 0 } folder
            ? folder
            : Path.Join(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".docker"),
        "config.json");

    private static NetworkCredential? Find(byte[] content, Uri server)
    {
        using var json = JsonDocument.Parse(content);
        if (!json.RootElement.TryGetProperty("auths", out var logins))
        {
            return null;
        }

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
