using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Millpond.Server.Configuration;
using Millpond.Server.Operations;
using Millpond.Server.Registry.Sending;

namespace Millpond.Server;

/// <summary>Kestrel with as little of the framework around it as there can be: no routing, no endpoints, no configuration of its own.</summary>
internal static class WebServer
{
    /// <param name="logging">Where the log goes; null for the standard output.</param>
    public static WebApplication Build(ServerConfiguration configuration, Listeners listeners, TimeProvider time, Action<ILoggingBuilder>? logging)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        ServerLogging.Quieten(builder.Logging, configuration.Log);
        if (logging is null)
        {
            ServerLogging.WriteToConsole(builder.Logging, configuration.Log, time);
        }
        else
        {
            logging(builder.Logging);
        }

        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = Timeout.InfiniteTimeSpan);
        builder.Services.Configure<SocketTransportOptions>(sockets => sockets.CreateBoundListenSocket = listeners.Take);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(listeners.Configure);

        // Last, since the web server adds one of its own without asking whether there is one.
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, ReceivePool>();
        return builder.Build();
    }

    /// <summary>Every request goes to one place; before it, only what trusted proxies say of the client is put in its place.</summary>
    public static void Use(WebApplication app, ServerConfiguration configuration, RequestDispatch dispatch)
    {
        if (!configuration.TrustedProxies.IsEmpty)
        {
            var options = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.All & ~ForwardedHeaders.XForwardedPrefix, ForwardLimit = null };
            options.KnownProxies.Clear();
            options.KnownIPNetworks.Clear();
            foreach (var network in configuration.TrustedProxies)
            {
                options.KnownIPNetworks.Add(network);
            }

            app.UseForwardedHeaders(options);
        }

        app.Run(dispatch.InvokeAsync);
    }

    /// <summary>Signals are the program's business, not the library's.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
