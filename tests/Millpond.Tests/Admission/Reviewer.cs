using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Admission;

/// <summary>An answer to a review, its patch read.</summary>
internal sealed record Reviewed(JsonObject Answer)
{
    public JsonObject Response => Answer["response"]!.AsObject();

    public JsonArray Patch => Response["patch"] is { } patch ? JsonNode.Parse(Convert.FromBase64String((string)patch!))!.AsArray() : [];

    public bool IsAllowed => (bool)Response["allowed"]!;

    public string? Audit(string key) => (string?)Response["auditAnnotations"]?[key];
}

/// <summary>A server that makes reviews only, by the real TLS listener, and an API server's side of it.</summary>
internal sealed class Reviewer : IAsyncDisposable
{
    public const string Registry = "cache.corp.example";
    public const string OwnImage = "ghcr.io/acme/millpond";

    private readonly SocketsHttpHandler transport;
    private readonly TimeProvider time;

    private Reviewer(MillpondHost host, TimeProvider time)
    {
        Host = host;
        this.time = time;
        transport = new SocketsHttpHandler { MaxConnectionsPerServer = int.MaxValue };
        if (File.Exists(AuthorityFile))
        {
            transport.SslOptions.CertificateChainPolicy = Trust(Authority);
        }

        Client = new HttpClient(transport) { Timeout = Patience.Limit, BaseAddress = host.Server.AdmissionAddresses[0] };
    }

    public MillpondHost Host { get; }

    public HttpClient Client { get; }

    /// <summary>That reviews are asked by.</summary>
    public Version HttpVersion { get; set; } = new(1, 1);

    /// <summary>What the server would have its webhook configuration trust.</summary>
    public string Authority => File.ReadAllText(AuthorityFile);

    private string AuthorityFile => Path.Join(Host.DataFolder, "admission", "ca.crt");

    /// <summary>Rules for all presets but gitlab, which is dormant, and one with a port; reviews alone, by a certificate of its own.</summary>
    public static async Task<Reviewer> StartAsync(Func<AdmissionConfiguration, AdmissionConfiguration>? configure = null, MillpondHostOptions? options = null)
    {
        options ??= new();
        return new(await MillpondHost.StartAsync(Rules(), options with
        {
            Configure = configuration => options.Configure(configuration with
            {
                Listen = [],
                DormantPresets = [Preset.All[4]],
                Admission = (configure ?? (admission => admission))(new()
                {
                    Listen = [new("https://127.0.0.1:0")],
                    Registry = RegistryAddress.Parse(Registry),
                    OwnImages = [OwnImage],
                    OldRegistries = [RegistryAddress.Parse("old-cache.corp.example"), RegistryAddress.Parse("123456789012.dkr.ecr.eu-west-1.amazonaws.com")],
                }),
            }),
        }), options.Time);
    }

    public static X509ChainPolicy Trust(string pem) => new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        CustomTrustStore = { X509Certificate2.CreateFromPem(pem) },
        RevocationMode = X509RevocationMode.NoCheck,
        DisableCertificateDownloads = true,
    };

    public static JsonObject Request(JsonNode pod, string operation = "CREATE", string? subresource = null, JsonNode? oldPod = null, string space = "team-a") => new()
    {
        ["uid"] = Guid.NewGuid().ToString(),
        ["kind"] = new JsonObject { ["group"] = "", ["version"] = "v1", ["kind"] = "Pod" },
        ["resource"] = new JsonObject { ["group"] = "", ["version"] = "v1", ["resource"] = "pods" },
        ["subResource"] = subresource,
        ["namespace"] = space,
        ["operation"] = operation,
        ["userInfo"] = new JsonObject { ["username"] = "system:serviceaccount:kube-system:replicaset-controller" },
        ["object"] = pod.DeepClone(),
        ["oldObject"] = oldPod?.DeepClone(),
        ["dryRun"] = false,
    };

    public static JsonObject Review(JsonObject request) => new()
    {
        ["kind"] = "AdmissionReview",
        ["apiVersion"] = "admission.k8s.io/v1",
        ["request"] = request,
    };

    public async Task<HttpResponseMessage> PostAsync(string body, string path = "/admit?timeout=2s")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Host.Server.AdmissionAddresses[0], path)) { Version = HttpVersion, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        return await Client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    /// <summary>A review that must be answered and must allow.</summary>
    public async Task<Reviewed> AskAsync(JsonObject request)
    {
        using var answer = await PostAsync(Review(request).ToJsonString());
        var body = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{answer.StatusCode}: {body}");
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
        var reviewed = new Reviewed(JsonNode.Parse(body)!.AsObject());
        Assert.Equal("AdmissionReview", (string?)reviewed.Answer["kind"]);
        Assert.Equal("admission.k8s.io/v1", (string?)reviewed.Answer["apiVersion"]);
        Assert.Equal((string?)request["uid"], (string?)reviewed.Response["uid"]);
        Assert.True(reviewed.IsAllowed);

        // One without the other fails the request at the API server.
        Assert.Equal(reviewed.Response.ContainsKey("patch"), reviewed.Response.ContainsKey("patchType"));
        return reviewed;
    }

    /// <summary>The pod as the API server has it after the review.</summary>
    public async Task<JsonNode> CreateAsync(JsonNode pod)
    {
        var reviewed = await AskAsync(Request(pod));
        return JsonPatch.Apply(pod, reviewed.Patch);
    }

    /// <summary>What a client with this certificate is answered on a connection of its own; null for none.</summary>
    public async Task<int?> StatusOfAsync(X509Certificate2 certificate)
    {
        using (certificate)
        using (var handler = new SocketsHttpHandler())
        {
            handler.SslOptions.CertificateChainPolicy = Trust(Authority);
            handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
            using var client = new HttpClient(handler) { Timeout = Patience.Limit };
            try
            {
                using var answer = await client.PostAsync(
                    new Uri(Client.BaseAddress!, "/admit"), new StringContent(Review(Request(Pods.With("nginx"))).ToJsonString()), TestContext.Current.CancellationToken);
                return (int)answer.StatusCode;
            }
            catch (HttpRequestException)
            {
                return null;
            }
        }
    }

    /// <summary>The number of the certificate that a new connection gets, which must be good under the authority.</summary>
    public async Task<string> ServedSerialAsync(string? authority = null, string version = "1.1")
    {
        var serial = "";
        using var handler = new SocketsHttpHandler();
        var policy = Trust(authority ?? Authority);
        policy.VerificationTime = time.GetUtcNow().UtcDateTime;
        handler.SslOptions.CertificateChainPolicy = policy;
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
        {
            serial = certificate!.GetSerialNumberString();
            return errors == SslPolicyErrors.None;
        };
        using var client = new HttpClient(handler) { DefaultRequestVersion = new(version), DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        var review = new StringContent(Review(Request(Pods.With("nginx"))).ToJsonString());
        using var answer = await client.PostAsync(new Uri(Client.BaseAddress!, "/admit"), review, TestContext.Current.CancellationToken);
        Assert.Equal((HttpStatusCode.OK, new(version)), (answer.StatusCode, answer.Version));
        return serial;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        transport.Dispose();
        await Host.DisposeAsync();
    }

    private static PullThroughRule[] Rules() =>
    [
        .. Preset.All.Take(4).Select(preset => new PullThroughRule { Prefix = preset.Prefix, UpstreamName = preset.UpstreamName, Upstream = preset.Upstream, Tier = preset.Tier }),
        new() { Prefix = "harbor", UpstreamName = "harbor.corp.example:8443", Upstream = new("https://harbor.corp.example:8443"), UpstreamRepositoryPrefix = "team-a", Deny = ["secret/**"] },
    ];
}

/// <summary>One server for the tests of a class; it has no state between reviews.</summary>
public sealed class ReviewerFixture : IAsyncLifetime
{
    internal Reviewer Reviewer { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Reviewer = await Reviewer.StartAsync();

    public ValueTask DisposeAsync() => Reviewer.DisposeAsync();
}
