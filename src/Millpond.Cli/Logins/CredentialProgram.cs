using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Millpond.Cli.Logins;

/// <summary>
/// A program <c>docker-credential-NAME</c> that keeps logins, such as a desktop's keychain or a cloud's own: it gets the server's name on
/// its standard input and answers with JSON. Nothing that it prints is ever shown, since it may be a password.
/// </summary>
internal sealed partial class CredentialProgram(string name)
{
    private const int LongestAnswer = 64 * 1024;

    /// <summary>A user name that says: the secret is a token of a token service, and no password.</summary>
    private const string TokenUser = "<token>";

    /// <summary>It may ask its user to unlock a keychain.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    public string Program => $"docker-credential-{name}";

    /// <summary>The login for a server, or why there is none.</summary>
    public (NetworkCredential? Login, string Failure) Get(string server)
    {
        // It becomes the name of a program: a path in it would run any other.
        if (!HelperName().IsMatch(name))
        {
            return (null, $"'{name}' is no name of a credential helper");
        }

        try
        {
            var (status, answer) = Run(server);
            return status == 0 ? Read(answer) : (null, $"{Program} has no login for {server} (it ended with status {status})");
        }
        catch (Win32Exception)
        {
            return (null, $"{Program} is not on the PATH");
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            return (null, $"{Program}: {e.Message}");
        }
    }

    private (int Status, string Answer) Run(string server)
    {
        using var helper = Process.Start(new ProcessStartInfo(Program, ["get"]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        try
        {
            helper.ErrorDataReceived += (_, _) => { };
            helper.BeginErrorReadLine();
            var answer = Task.Run(() => ReadAll(helper.StandardOutput));
            helper.StandardInput.Write(server);
            helper.StandardInput.Close();
            return answer.Wait(Patience) && helper.WaitForExit(Patience)
                ? (helper.ExitCode, answer.Result)
                : throw new TimeoutException($"it did not answer within {Patience.TotalSeconds:0} s");
        }
        finally
        {
            if (!helper.HasExited)
            {
                helper.Kill();
            }
        }
    }

    private static string ReadAll(StreamReader output)
    {
        var buffer = new char[LongestAnswer];
        return new string(buffer, 0, output.ReadBlock(buffer));
    }

    private (NetworkCredential? Login, string Failure) Read(string answer)
    {
        try
        {
            using var json = JsonDocument.Parse(answer);
            var (user, secret) = (json.RootElement.GetProperty("Username").GetString(), json.RootElement.GetProperty("Secret").GetString());
            return user == TokenUser
                ? (null, $"{Program} keeps a token for it, which is good for its token service alone")
                : string.IsNullOrEmpty(secret) ? (null, $"{Program} gave no password") : (new NetworkCredential(user, secret), "");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return (null, $"{Program} did not answer as credential helpers do");
        }
    }

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]*\z", RegexOptions.CultureInvariant)]
    private static partial Regex HelperName();
}
