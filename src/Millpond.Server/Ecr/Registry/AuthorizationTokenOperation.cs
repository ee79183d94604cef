using System.Text;
using System.Text.Json.Nodes;
using Millpond.Server.Access;
using Millpond.Server.Access.Tokens;
using Millpond.Server.Ecr.Protocol;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Registry;

/// <summary>The login of every client: a token for <c>/v2/</c> that ends with the key it was asked for with.</summary>
internal sealed class AuthorizationTokenOperation(RegistryTokens tokens)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);

    public AwsOperation Operation => new("GetAuthorizationToken", Structure(List(Text(pattern: "[0-9]{12}"), 1, 10).As("registryIds")), Run)
    {
        Note = "One token is for all of the registry; `proxyEndpoint` is `publicUrl`, else how the call was addressed.",
    };

    private ValueTask<JsonObject> Run(AwsCall call)
    {
        var (token, expires) = tokens.Make(TokenKind.AccessKey, call.Key.Id, Lifetime, call.Key.ExpiresAt);
        var login = Convert.ToBase64String(Encoding.ASCII.GetBytes($"{Robot.TokenUser}:{token}"));
        var count = Math.Max(1, call.Input.Texts("registryIds").Distinct().Count());
        return ValueTask.FromResult(new JsonObject
        {
            ["authorizationData"] = AwsJson.List(Enumerable.Range(0, count).Select(_ => new JsonObject
            {
                ["authorizationToken"] = login,
                ["expiresAt"] = AwsJson.Time(expires),
                ["proxyEndpoint"] = call.RegistryUrl.GetLeftPart(UriPartial.Authority),
            })),
        });
    }
}
