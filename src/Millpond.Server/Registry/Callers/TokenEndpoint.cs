using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Millpond.Server.Access;
using Millpond.Server.Access.Tokens;
using Millpond.Server.Registry.Answers;

namespace Millpond.Server.Registry.Callers;

/// <summary>
/// <c>/v2/token</c>: gives clients that want a Bearer token one, by GET with Basic or by POST of a form. A token says who, and each request is
/// decided anew; without a login it is for nobody, and good for what everybody may.
/// </summary>
public sealed class TokenEndpoint(AccessGate gate, AccessServices access, TimeProvider time)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    private const int LongestForm = 16 * 1024;

    public async ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, Door door)
    {
        if (HttpMethods.IsPost(context.Request.Method))
        {
            return await AnswerFormAsync(context, door);
        }

        if (!HttpMethods.IsGet(context.Request.Method))
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.MethodNotAllowed("GET, POST"));
        }

        return await AnswerLoginAsync(context, door);
    }

    private async ValueTask<RegistryAnswer> AnswerLoginAsync(HttpContext context, Door door)
    {
        var login = (await gate.IdentifyAsync(context, door)).Login;
        return login.Kind is LoginKind.Known or LoginKind.None ? await WriteAsync(context, login)
            : await RegistryErrorWriter.WriteAsync(context, await gate.FindRefusalAsync(context, door) ?? RegistryError.LoginWrong);
    }

    /// <summary>OAuth 2's way: <c>grant_type=password</c> or a token of ours as <c>refresh_token</c>.</summary>
    private async ValueTask<RegistryAnswer> AnswerFormAsync(HttpContext context, Door door)
    {
        if (!context.Request.HasFormContentType || context.Request.ContentLength is not <= LongestForm)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.BadRequest(400, "a form with a length is wanted"));
        }

        if (await TryReadAsync(context) is not { } form)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.BadRequest(400, "that is no form"));
        }

        var (user, password) = form["grant_type"].ToString() switch
        {
            "password" => (form["username"].ToString(), form["password"].ToString()),
            "refresh_token" => (Robot.TokenUser, form["refresh_token"].ToString()),
            _ => ("", ""),
        };
        if (user.Length + password.Length > 0)
        {
            context.Request.Headers.Authorization = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));
        }

        return await AnswerLoginAsync(context, door);
    }

    private static async ValueTask<IFormCollection?> TryReadAsync(HttpContext context)
    {
        try
        {
            return await context.Request.ReadFormAsync(context.RequestAborted);
        }
        catch (Exception failure) when (failure is InvalidDataException or IOException and not BadHttpRequestException)
        {
            // Too many fields, or a body that is not what its type says.
            return null;
        }
    }

    private async ValueTask<RegistryAnswer> WriteAsync(HttpContext context, Login login)
    {
        var (token, expires) = access.Logins.MakeToken(login, Lifetime);
        var now = time.GetUtcNow();
        context.Response.Headers.CacheControl = "no-store";
        var sent = await RegistryJson.WriteAsync(context, "application/json", json =>
        {
            json.WriteString("token", token);
            json.WriteString("access_token", token);
            json.WriteNumber("expires_in", Math.Max(1, (int)(expires - now).TotalSeconds));
            json.WriteString("issued_at", now.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
        });
        return new(StatusCodes.Status200OK, sent, login.Kind == LoginKind.Known ? "token" : "anonymous_token");
    }
}
