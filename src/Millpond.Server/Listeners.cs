using System.Collections.Immutable;
using System.Net;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Millpond.Server.Configuration;
using Millpond.Server.Operations;

namespace Millpond.Server;

/// <summary>The sockets of the configuration on the web server, and the addresses they came to have.</summary>
internal sealed class Listeners
{
    /// <summary>No request has a body yet; this much is read past politely.</summary>
    private const long MaxBodySize = 64 * 1024;

    private readonly ImmutableArray<ServerListener> wanted;
    private readonly Dictionary<ServerListener, ListenOptions> bound = new(ReferenceEqualityComparer.Instance);

    public Listeners(ServerConfiguration configuration)
    {
        wanted =
        [
            .. configuration.Listen.Select(url => new ServerListener(ListenerKind.Main, url, null)),
            .. configuration.Listeners.Select(own => new ServerListener(ListenerKind.Rule, own.Url, own.Rule)),
            .. configuration.OperationsListen.Select(url => new ServerListener(ListenerKind.Operations, url, null)),
            .. configuration.Admission.Listen.Select(url => new ServerListener(ListenerKind.Admission, url, null)),
        ];
    }

    /// <summary>For https; set before the server starts, because it needs the log that is made with the server.</summary>
    public CertificateReloader? Certificate { private get; set; }

    /// <summary>For listeners of reviews; set as <see cref="Certificate"/> is.</summary>
    public CertificateReloader? AdmissionCertificate { private get; set; }

    /// <summary>Opens all of them when the server starts.</summary>
    public void Configure(KestrelServerOptions server)
    {
        server.AddServerHeader = false;
        server.Limits.MaxRequestBodySize = MaxBodySize;
        server.Limits.MaxRequestHeadersTotalSize = 64 * 1024;
        server.Limits.MaxRequestLineSize = 16 * 1024;
        foreach (var listener in wanted)
        {
            var endpoint = new IPEndPoint(IPAddress.Parse(listener.Url.DnsSafeHost), listener.Url.Port);
            server.Listen(endpoint, options => Configure(options, listener));
        }
    }

    /// <summary>As configured, before they are bound.</summary>
    public IEnumerable<Uri> Wanted => wanted.Select(listener => listener.Url);

    /// <summary>What the listeners of a kind are really bound to, in the order of the configuration.</summary>
    public ImmutableArray<Uri> Addresses(ListenerKind kind) =>
        [.. wanted.Where(listener => listener.Kind == kind).Select(Address)];

    /// <summary>One line for each listener: where it is and what it is for.</summary>
    public IEnumerable<(string Url, string Purpose)> Describe() => wanted.Select(listener => (Address(listener).ToString(), listener.Kind switch
    {
        ListenerKind.Main => "pulls",
        ListenerKind.Rule => $"pulls of {listener.Rule}",
        ListenerKind.Operations => "operations",
        ListenerKind.Admission => "admission",
    }));

    private Uri Address(ServerListener listener) => new UriBuilder(listener.Url) { Port = bound[listener].IPEndPoint!.Port }.Uri;

    private void Configure(ListenOptions options, ServerListener listener)
    {
        bound[listener] = options;
        options.Protocols = HttpProtocols.Http1;
        if (listener.Url.Scheme == Uri.UriSchemeHttps)
        {
            options.Protocols = HttpProtocols.Http1AndHttp2;
            options.UseHttps(CertificateReloader.HandshakeOptions(
                () => (listener.Kind == ListenerKind.Admission ? AdmissionCertificate : Certificate) ?? throw new InvalidOperationException("An https listener without a certificate passed the checks.")));
        }

        options.Use(next => connection =>
        {
            connection.Features.Set(listener);
            return next(connection);
        });
    }
}
