using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Millpond.Server.Rules;

namespace Millpond.Server.Registry.Callers;

/// <summary>
/// How a client is told to log in: Basic first, which sends a token or password as it is and which ECR's clients know, then Bearer with our own
/// token service, which those ask that go without a login.
/// </summary>
internal sealed class Challenge(Uri? publicUrl, PullThroughRules rules)
{
    /// <summary>The path of the token service.</summary>
    public const string TokenPath = "/v2/token";

    /// <param name="repository">What was asked for, as a scope; null for nothing in particular.</param>
    public void Set(HttpContext context, string? repository, RegistryAction action)
    {
        var (root, service) = RootOf(context.Request);
        var verbs = action switch
        {
            RegistryAction.Pull => "pull",
            RegistryAction.Push => "pull,push",
            RegistryAction.Delete => "delete",
        };
        var scope = repository is null ? "" : $",scope=\"repository:{repository}:{verbs}\"";
        context.Response.Headers.WWWAuthenticate = new StringValues([$"Basic realm=\"{root}/\",service=\"ecr.amazonaws.com\"", $"Bearer realm=\"{root}{TokenPath}\",service=\"{service}\"{scope}"]);
    }

    /// <summary>A rule's own name is asked again where it was asked; else the public name, which an ingress may have taken off.</summary>
    /// <remarks>What a client says its host is called need be no name that a URL can have.</remarks>
    private (string Root, string Service) RootOf(HttpRequest request) => publicUrl is { } url && !rules.IsRuleHost(request.Host.Host)
        ? (url.GetLeftPart(UriPartial.Authority), url.Authority)
        : ($"{request.Scheme}://{request.Host.Value}", request.Host.Value ?? "");
}
