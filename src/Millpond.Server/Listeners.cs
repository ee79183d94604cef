using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Millpond.Server.Configuration;
using Millpond.Server.Operations;
using Millpond.Server.Registry.Sending;

namespace Millpond.Server;

/// <summary>The sockets of the configuration on the web server, and the addresses they came to have.</summary>
internal sealed class Listeners : IDisposable
{
    /// <summary>No request has a body yet; this much is read past politely.</summary>
    private const long MaxBodySize = 64 * 1024;

    private readonly ImmutableArray<ServerListener> wanted;
    private readonly Dictionary<ServerListener, ListenOptions> bound = new(ReferenceEqualityComparer.Instance);
    private readonly List<Socket> sockets = [];
    private readonly bool[] taken;
    private readonly List<ConnectionLimit> limits = [];

    public Listeners(ServerConfiguration configuration)
    {
        wanted =
        [
            .. configuration.Listen.Select(url => new ServerListener(ListenerKind.Main, url, null)),
            .. configuration.Listeners.Select(own => new ServerListener(ListenerKind.Rule, own.Url, own.Rule)),
            .. configuration.OperationsListen.Select(url => new ServerListener(ListenerKind.Operations, url, null)),
            .. configuration.Admission.Listen.Select(url => new ServerListener(ListenerKind.Admission, url, null)),
        ];
        taken = new bool[wanted.Length];
    }

    /// <summary>For https; set before the server starts, because it needs the log that is made with the server.</summary>
    public CertificateReloader? Certificate { private get; set; }

    /// <summary>For listeners of reviews; set as <see cref="Certificate"/> is.</summary>
    public CertificateReloader? AdmissionCertificate { private get; set; }

    /// <summary>Under which API servers must have a certificate; null for none.</summary>
    public ClientAuthority? AdmissionClients { private get; set; }

    /// <summary>Makes the limit of a listener for pulls; set as <see cref="Certificate"/> is.</summary>
    public Func<Uri, ConnectionLimit>? Limit { private get; set; }

    /// <summary>Connections that are open on the listeners for pulls.</summary>
    public long OpenConnections => limits.Sum(limit => (long)limit.Open);

    /// <summary>Takes the addresses, so that one that cannot be had is told before anything is made on the disk.</summary>
    /// <exception cref="ServerStartException">One cannot be had.</exception>
    public void Bind()
    {
        foreach (var listener in wanted)
        {
            try
            {
                sockets.Add(SocketTransportOptions.CreateDefaultBoundListenSocket(Endpoint(listener)));
            }
            catch (SocketException failure)
            {
                throw new ServerStartException($"Cannot listen on {listener.Url}: {Why(failure.SocketErrorCode, failure.Message, listener)}", failure);
            }
        }
    }

    /// <summary>The socket that was bound for an endpoint, for the web server, which owns it from then on.</summary>
    public Socket Take(EndPoint endpoint)
    {
        // Of several with port 0 each has another port, and the web server asks in the order of the configuration.
        for (var place = 0; place < sockets.Count; place++)
        {
            if (!taken[place] && Endpoint(wanted[place]).Equals(endpoint))
            {
                taken[place] = true;
                return sockets[place];
            }
        }

        throw new InvalidOperationException($"Nothing was bound to {endpoint}.");
    }

    public void Dispose() => sockets.ForEach(socket => socket.Dispose());

    /// <summary>Opens all of them when the server starts.</summary>
    public void Configure(KestrelServerOptions server)
    {
        server.AddServerHeader = false;
        server.Limits.MaxRequestBodySize = MaxBodySize;
        server.Limits.MaxRequestHeadersTotalSize = 64 * 1024;
        server.Limits.MaxRequestLineSize = 16 * 1024;
        foreach (var listener in wanted)
        {
            server.Listen(Endpoint(listener), options => Configure(options, listener));
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

    private static IPEndPoint Endpoint(ServerListener listener) => new(IPAddress.Parse(listener.Url.DnsSafeHost), listener.Url.Port);

    private static string Why(SocketError error, string message, ServerListener listener)
    {
        var key = listener.Kind switch
        {
            ListenerKind.Main => "'listen' or --listen",
            ListenerKind.Rule => "'listeners'",
            ListenerKind.Operations => "'operations.listen'",
            ListenerKind.Admission => "'admission.listen' or --admission",
        };
        return error switch
        {
            SocketError.AddressAlreadyInUse => $"another program listens there; stop it, or choose another port with {key}.",
            SocketError.AddressNotAvailable => $"that is no address of this machine; choose another with {key}.",
            SocketError.AccessDenied => $"this user may not (ports below 1024 are for root); choose another port with {key}.",
            _ => $"{message.TrimEnd('.')}; choose another address with {key}.",
        };
    }

    private void Configure(ListenOptions options, ServerListener listener)
    {
        bound[listener] = options;
        if (listener.Kind is ListenerKind.Main or ListenerKind.Rule)
        {
            // Before the handshake of https, which costs the most. Made when the server starts, not when it is composed.
            options.Use(next =>
            {
                var limit = (Limit ?? throw new InvalidOperationException("Nobody has said how listeners are limited.")).Invoke(listener.Url);
                limits.Add(limit);
                return connection => limit.AdmitAsync(connection, next);
            });
        }

        // Beneath TLS too, where it saves a copy and a thread's wake; what it is given without TLS goes to the socket as it is.
        var isSecured = listener.Url.Scheme == Uri.UriSchemeHttps;
        options.Use(next => connection => SocketOutput.AttachAsync(connection, takesFiles: !isSecured, next));
        options.Protocols = HttpProtocols.Http1;
        if (isSecured)
        {
            options.Protocols = HttpProtocols.Http1AndHttp2;
            options.Use(next => connection => RecordPool.AttachAsync(connection, next));
            options.UseHttps(CertificateReloader.HandshakeOptions(
                () => (listener.Kind == ListenerKind.Admission ? AdmissionCertificate : Certificate) ?? throw new InvalidOperationException("An https listener without a certificate passed the checks."),
                () => listener.Kind == ListenerKind.Admission ? AdmissionClients : null));
        }

        options.Use(next => connection =>
        {
            connection.Features.Set(listener);
            return next(connection);
        });
    }
}
