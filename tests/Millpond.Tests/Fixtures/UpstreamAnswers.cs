using System.Text;
using Microsoft.AspNetCore.Http;

namespace Millpond.Tests.Fixtures;

/// <summary>Errors in the shape of the distribution spec.</summary>
internal static class UpstreamAnswers
{
    public static Task ErrorAsync(HttpContext context, int status, string code, string message)
    {
        context.Response.StatusCode = status;
        return context.Request.Method == "HEAD"
            ? Task.CompletedTask
            : context.Response.WriteAsJsonAsync(new { errors = new[] { new { code, message, detail = (object?)null } } });
    }

    /// <summary>Answers that no program has made for a registry's client.</summary>
    public static async Task StrangeAsync(HttpContext context, UpstreamFault fault)
    {
        var response = context.Response;
        var (status, type, body) = fault switch
        {
            UpstreamFault.LatinError => (500, "application/json", Encoding.Latin1.GetBytes("""{"errors":[{"code":"UNKNOWN","message":"ça ne marche pas"}]}""")),
            UpstreamFault.SurrogateError => (500, "application/json", """{"\udc00":1,"errors":[{"code":"UNKNOWN","message":"half a \ud83d pair"}]}"""u8.ToArray()),
            UpstreamFault.HtmlError => (500, "text/html", "<html><h1>Internal Server Error</h1></html>"u8.ToArray()),
            UpstreamFault.EmptyError => (500, null, []),
            UpstreamFault.LargeError => (500, "text/plain", Enumerable.Repeat((byte)'x', 1_000_000).ToArray()),
            UpstreamFault.IngressPage => (404, "text/html", "<html><h1>404 Not Found</h1><hr>nginx</html>"u8.ToArray()),
            UpstreamFault.ErrorAsManifest => (200, "application/json", """{"errors":[{"code":"UNKNOWN","message":"try again later"}]}"""u8.ToArray()),
            _ => throw new ArgumentOutOfRangeException(nameof(fault), fault, "This fault has no answer of its own."),
        };
        if (fault == UpstreamFault.IngressPage)
        {
            response.Headers.Remove("Docker-Distribution-Api-Version");
        }

        response.StatusCode = status;
        response.ContentType = type;
        response.ContentLength = body.Length;
        if (context.Request.Method != "HEAD")
        {
            await response.Body.WriteAsync(body);
        }
    }

    public static Task NotFoundAsync(HttpContext context, string code) => ErrorAsync(context, 404, code, "not known to the upstream");
}
