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

    public static Task NotFoundAsync(HttpContext context, string code) => ErrorAsync(context, 404, code, "not known to the upstream");
}
