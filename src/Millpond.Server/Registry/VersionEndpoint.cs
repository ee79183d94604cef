using Microsoft.AspNetCore.Http;

namespace Millpond.Server.Registry;

/// <summary><c>/v2/</c>: this is a registry. Anonymous access is the only mode, so everyone may ask.</summary>
public static class VersionEndpoint
{
    private static readonly byte[] Body = "{}"u8.ToArray();

    public static async ValueTask<RegistryAnswer> AnswerAsync(HttpContext context) =>
        new(StatusCodes.Status200OK, await RegistryJson.WriteAsync(context, "application/json", Body), "ok");
}
