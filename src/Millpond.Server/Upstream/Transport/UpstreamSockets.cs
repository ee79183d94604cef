using System.Net;
using Microsoft.Win32.SafeHandles;
using Millpond.Server.Configuration;

namespace Millpond.Server.Upstream.Transport;

/// <summary>The lowest layer: the connections of one rule, made anew when its client certificate is replaced.</summary>
internal sealed class UpstreamSockets : HttpMessageHandler
{
    // Long enough to reuse connections within a pull, short enough to follow a registry's DNS.
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(5);

    // Beyond any timeouts.firstByte of sense: the request has long given up by then.
    private static readonly TimeSpan LongestHandshake = TimeSpan.FromMinutes(2);

    private readonly Lock replacing = new();
    private readonly PullThroughRule rule;
    private readonly AddressRules addressRules;
    private readonly UpstreamProxy proxy;
    private readonly UpstreamConnector connector;
    private (Stamp Certificate, HttpMessageInvoker Invoker)? current;

    /// <param name="trusted">Origins named by the configuration, which may be private.</param>
    public UpstreamSockets(PullThroughRule rule, IEnumerable<Uri> trusted, UpstreamProxy proxy, NetworkAccess network, TimeProvider time)
    {
        this.rule = rule;
        this.proxy = proxy;
        addressRules = new AddressRules(rule, trusted, network.Resolve);
        connector = new UpstreamConnector(rule, addressRules, proxy, network, time);
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.RequestUri is { } target && proxy.GetProxy(target) is not null)
        {
            addressRules.CheckProxied(target);
        }

        return Current().SendAsync(request, cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            current?.Invoker.Dispose();
        }

        base.Dispose(disposing);
    }

    private HttpMessageInvoker Current()
    {
        var certificate = Stamp.Of(rule.Tls);
        lock (replacing)
        {
            if (current is { } known && known.Certificate == certificate)
            {
                return known.Invoker;
            }

            // The old connections end with their bodies; nothing new is sent over them.
            var invoker = new HttpMessageInvoker(Open());
            current = (certificate, invoker);
            return invoker;
        }
    }

    private SocketsHttpHandler Open() => new()
    {
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        UseCookies = false,
        MaxConnectionsPerServer = int.MaxValue,
        PooledConnectionLifetime = ConnectionLifetime,
        Proxy = proxy,
        UseProxy = true,
        SslOptions = UpstreamTrust.Options(rule),
        ConnectCallback = connector.ConnectAsync,
        // A request that gives up leaves its connection in the making; this ends one that is stuck in the TLS handshake.
        ConnectTimeout = TimeSpan.FromTicks(Math.Min(rule.Timeouts.Connect.Ticks, TimeSpan.TicksPerDay)) + LongestHandshake,
        ActivityHeadersPropagator = null,
    };

    /// <summary>When the client certificate and its key were written; default without one.</summary>
    private readonly record struct Stamp(DateTime Certificate, DateTime Key)
    {
        public static Stamp Of(UpstreamTls tls) =>
            tls is { Certificate: { } certificate, Key: { } key } ? new(Written(certificate), Written(key)) : default;

        private static DateTime Written(string path)
        {
            try
            {
                // By its handle: a path's time may be that of a symbolic link.
                using SafeFileHandle handle = File.OpenHandle(path);
                return File.GetLastWriteTimeUtc(handle);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return default;
            }
        }
    }
}
