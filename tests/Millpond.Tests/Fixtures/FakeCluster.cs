using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;

namespace Millpond.Tests.Fixtures;

/// <summary>The API server of a cluster, as far as lists go: groups, kinds, pages by limit and continue, tokens that grow too old, and who may read what.</summary>
public sealed class FakeCluster : IAsyncDisposable
{
    private const string Token = "token-of-alice";

    private readonly WebApplication application;
    private readonly Dictionary<string, List<JsonNode>> resources = new(StringComparer.Ordinal);
    private readonly List<(string Group, string Version, string Plural, string Kind, bool Listable)> kinds = [];
    private readonly ConcurrentDictionary<string, int> expiring = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> requests = new();
    private int busy;

    private FakeCluster(X509Certificate2? certificate)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(server => server.Listen(IPAddress.Loopback, 0, listener =>
        {
            if (certificate is not null)
            {
                listener.UseHttps(certificate, https =>
                {
                    https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                    https.AllowAnyClientCertificate();
                });
            }
        }));
        application = builder.Build();
        application.MapFallback(AnswerAsync);
    }

    public Uri Address => new(application.Urls.First());

    /// <summary>The most items of one page, whatever was asked for.</summary>
    public int PageSize { get; set; } = 1000;

    /// <summary>Kinds, by their plural, that this login may not list; <c>pods@default</c> is about one namespace.</summary>
    public HashSet<string> Forbidden { get; } = [];

    /// <summary>Groups whose own API server is away.</summary>
    public HashSet<string> Away { get; } = [];

    /// <summary>Path and query of everything that was asked.</summary>
    public IReadOnlyList<string> Requests => [.. requests];

    /// <param name="certificate">What it speaks TLS with; then any certificate of a client is a login too.</param>
    public static async Task<FakeCluster> StartAsync(X509Certificate2? certificate = null)
    {
        var cluster = new FakeCluster(certificate);
        await cluster.application.StartAsync();
        return cluster;
    }

    /// <summary>A kind that the server knows.</summary>
    public void AddKind(string group, string version, string plural, string kind, bool listable = true) => kinds.Add((group, version, plural, kind, listable));

    /// <summary>A resource from YAML's JSON subset; items of lists do not say what they are, as with the real one.</summary>
    public void Add(string plural, string @namespace, string name, string body)
    {
        var resource = JsonNode.Parse(body)!;
        resource["metadata"] = new JsonObject
        {
            ["name"] = name,
            ["namespace"] = @namespace,
            ["managedFields"] = new JsonArray(new JsonObject { ["fieldsV1"] = new JsonObject { ["f:spec"] = new JsonObject() } }),
        };
        if (!resources.TryGetValue(plural, out var all))
        {
            resources[plural] = all = [];
        }

        all.Add(resource);
    }

    /// <summary>The next continue tokens of a kind have grown too old when they are used.</summary>
    public void Expire(string plural, int times) => expiring[plural] = times;

    /// <summary>The next requests are asked to come back in a second.</summary>
    public void BeBusy(int times) => busy = times;

    /// <summary>A kubeconfig with the contexts <c>here</c> (which is current) and <c>stranger</c>, whose token nobody knows.</summary>
    public string Kubeconfig() => $$"""
        apiVersion: v1
        kind: Config
        current-context: here
        contexts:
        - {name: here, context: {cluster: fake, user: alice} }
        - {name: stranger, context: {cluster: fake, user: mallory} }
        clusters:
        - {name: fake, cluster: {server: "{{Address.GetLeftPart(UriPartial.Authority)}}"} }
        users:
        - {name: alice, user: {token: "{{Token}}"} }
        - {name: mallory, user: {token: another} }
        """;

    public ValueTask DisposeAsync() => application.DisposeAsync();

    private Task AnswerAsync(HttpContext context)
    {
        requests.Enqueue(context.Request.Path + context.Request.QueryString);
        if (context.Request.Headers.Authorization != $"Bearer {Token}" && context.Connection.ClientCertificate is null)
        {
            return RefuseAsync(context, 401, "Unauthorized");
        }

        if (Interlocked.Decrement(ref busy) >= 0)
        {
            context.Response.Headers.RetryAfter = "1";
            return RefuseAsync(context, 429, "too many requests, please try again later");
        }

        var parts = context.Request.Path.Value!.Trim('/').Split('/');
        return parts switch
        {
            ["apis"] => context.Response.WriteAsJsonAsync(Groups()),
            ["apis", var group, _] when Away.Contains(group) => RefuseAsync(context, 503, "service unavailable"),
            ["apis", var group, var version] => context.Response.WriteAsJsonAsync(Kinds(group, version)),
            ["api", _, var plural] => ListAsync(context, plural, null),
            ["api", _, "namespaces", var space, var plural] => ListAsync(context, plural, space),
            ["apis", _, _, var plural] => ListAsync(context, plural, null),
            ["apis", _, _, "namespaces", var space, var plural] => ListAsync(context, plural, space),
            _ => RefuseAsync(context, 404, "the server could not find the requested resource"),
        };
    }

    private Task ListAsync(HttpContext context, string plural, string? space)
    {
        if (Forbidden.Contains(plural) || Forbidden.Contains($"{plural}@{space}"))
        {
            return RefuseAsync(context, 403, $"{plural} is forbidden: User \"alice\" cannot list resource \"{plural}\"{(space is null ? " at the cluster scope" : "")}");
        }

        var query = context.Request.Query;
        var token = query["continue"].ToString();
        if (token.Length > 0 && expiring.TryGetValue(plural, out var left) && left > 0)
        {
            expiring[plural] = left - 1;
            return RefuseAsync(context, 410, "The provided continue parameter is too old to display a consistent list result.");
        }

        var from = token.Length == 0 ? 0 : int.Parse(token["from ".Length..], CultureInfo.InvariantCulture);
        var limit = query.ContainsKey("limit") ? Math.Min(PageSize, int.Parse(query["limit"]!, CultureInfo.InvariantCulture)) : int.MaxValue;
        var all = resources.GetValueOrDefault(plural, []).Where(resource => space is null || (string?)resource["metadata"]!["namespace"] == space).ToArray();
        var page = all.Skip(from).Take(limit).Select(resource => resource.DeepClone()).ToArray();
        var metadata = new JsonObject { ["resourceVersion"] = "1" };
        if (from + page.Length < all.Length)
        {
            metadata["continue"] = $"from {from + page.Length}";
        }

        return context.Response.WriteAsJsonAsync(new JsonObject { ["kind"] = "List", ["metadata"] = metadata, ["items"] = new JsonArray(page) });
    }

    private JsonObject Groups() => new()
    {
        ["groups"] = new JsonArray([.. kinds.Select(kind => (kind.Group, kind.Version)).Distinct().Select(group => new JsonObject
        {
            ["name"] = group.Group,
            ["preferredVersion"] = new JsonObject { ["groupVersion"] = $"{group.Group}/{group.Version}", ["version"] = group.Version },
        })]),
    };

    private JsonObject Kinds(string group, string version) => new()
    {
        ["resources"] = new JsonArray([.. kinds.Where(kind => kind.Group == group && kind.Version == version).Select(kind => new JsonObject
        {
            ["name"] = kind.Plural,
            ["kind"] = kind.Kind,
            ["namespaced"] = true,
            ["verbs"] = kind.Listable ? new JsonArray("get", "list") : new JsonArray("create"),
        })]),
    };

    private static Task RefuseAsync(HttpContext context, int status, string message)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsJsonAsync(new JsonObject { ["kind"] = "Status", ["status"] = "Failure", ["message"] = message, ["code"] = status });
    }
}
