using Microsoft.AspNetCore.Http;
using Millpond.Server.Registry.Answers;
using Millpond.Server.Registry.Callers;

namespace Millpond.Server.Registry;

/// <summary><c>/v2/</c>: this is a registry, and whoever must log in learns how.</summary>
public sealed class VersionEndpoint(AccessGate gate)
{
    private static readonly byte[] Body = "{}"u8.ToArray();

    public async ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, Door door) => await gate.FindRefusalAsync(context, door) is { } refusal
        ? await RegistryErrorWriter.WriteAsync(context, refusal)
        : new(StatusCodes.Status200OK, await RegistryJson.WriteAsync(context, "application/json", Body), "ok");
}
