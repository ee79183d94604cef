using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server;
using Millpond.Server.Operations;
using Millpond.Server.Store;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Operations;

public sealed class CertificateReloaderTests : IDisposable
{
    private readonly CertificateFiles authority = new();
    private readonly FakeTimeProvider time = new();
    private readonly RecordedLog log = new();

    public void Dispose() => authority.Dispose();

    [Fact]
    public void A_changed_certificate_is_served_after_the_next_look()
    {
        authority.Write(authority.Make("old.example"));
        using var reloader = CertificateReloader.Open(authority.Files, time, log);
        Assert.Equal("old.example", Name(reloader));

        authority.Write(authority.Make("new.example"));
        Assert.Equal("old.example", Name(reloader));
        time.Advance(CertificateReloader.Period);

        Assert.Equal("new.example", Name(reloader));
        Assert.Contains(log.Lines, l => l.Contains("new.example", StringComparison.Ordinal));
    }

    [Fact]
    public void Links_swapped_as_Kubernetes_does_are_noticed_whatever_the_times_say()
    {
        Mount("first", authority.Make("old.example"));
        File.CreateSymbolicLink(authority.Path("..data"), "first");
        File.CreateSymbolicLink(authority.Files.Certificate, "..data/tls.crt");
        File.CreateSymbolicLink(authority.Files.Key, "..data/tls.key");
        using var reloader = CertificateReloader.Open(authority.Files, time, log);

        Mount("second", authority.Make("new.example"));
        Directory.Delete(authority.Path("..data"));
        File.CreateSymbolicLink(authority.Path("..data"), "second");
        time.Advance(CertificateReloader.Period);

        Assert.Equal("new.example", Name(reloader));
    }

    [Theory]
    [InlineData("no PEM at all")]
    [InlineData(null)]
    [InlineData("another key")]
    public void The_old_certificate_is_kept_and_told_once_while_the_new_one_is_bad(string? key)
    {
        authority.Write(authority.Make("old.example"));
        using var reloader = CertificateReloader.Open(authority.Files, time, log);
        var renewed = authority.Make("new.example");

        authority.Write(renewed with { Key = key == "another key" ? authority.Make("other.example").Key : key ?? "" });
        if (key is null)
        {
            File.Delete(authority.Files.Key);
        }

        time.Advance(CertificateReloader.Period * 3);

        Assert.Equal("old.example", Name(reloader));
        Assert.Single(log.Lines, l => l.StartsWith("Error", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Lines, l => l.Contains("PRIVATE KEY", StringComparison.Ordinal));

        authority.Write(renewed);
        time.Advance(CertificateReloader.Period);
        Assert.Equal("new.example", Name(reloader));
    }

    [Fact]
    public void A_start_without_a_usable_certificate_is_refused_with_both_files_named()
    {
        authority.Write(authority.Make("old.example") with { Key = "nonsense" });

        var refused = Assert.Throws<CertificateException>(() => CertificateReloader.Open(authority.Files, time, log));

        Assert.Contains(authority.Files.Certificate, refused.Message, StringComparison.Ordinal);
        Assert.Contains(authority.Files.Key, refused.Message, StringComparison.Ordinal);
        Assert.Contains("PEM", refused.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task The_server_sends_the_whole_chain_and_the_renewed_certificate_to_new_connections(string version)
    {
        authority.Write(authority.Make("localhost"));
        await using var host = await MillpondHost.StartAsync([], new()
        {
            Time = time,
            Configure = configuration => configuration with { Listen = [new("https://127.0.0.1:0")], Tls = authority.Files },
        });
        var url = new UriBuilder(host.Address) { Host = "localhost", Path = "/healthz" }.Uri;

        // Trusting the root only, a client accepts the leaf because the intermediate comes along.
        var first = await Ask(url, version);
        authority.Write(authority.Make("localhost"));
        time.Advance(CertificateReloader.Period);
        var second = await Ask(url, version);

        Assert.NotEqual(first, second);
    }

    [Fact]
    public async Task A_server_with_a_bad_certificate_does_not_start_and_lets_the_data_folder_go()
    {
        authority.Write(authority.Make("localhost") with { Key = "nonsense" });
        var options = new MillpondHostOptions { Configure = c => c with { Listen = [new("https://127.0.0.1:0")], Tls = authority.Files, Data = authority.Path("data") } };

        var refused = await Assert.ThrowsAsync<ServerStartException>(() => MillpondHost.StartAsync([], options));

        Assert.Contains(authority.Files.Key, refused.Message, StringComparison.Ordinal);
        DataFolder.Open(authority.Path("data")).Dispose();
    }

    private async Task<string> Ask(Uri url, string version)
    {
        var serial = "";
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            CustomTrustStore = { authority.Root },
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
        {
            serial = certificate!.GetSerialNumberString();
            return errors == System.Net.Security.SslPolicyErrors.None;
        };
        using var client = new HttpClient(handler) { DefaultRequestVersion = new(version), DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        Assert.NotEmpty(await client.GetStringAsync(url, TestContext.Current.CancellationToken));
        return serial;
    }

    private static string Name(CertificateReloader reloader) => reloader.Current.GetNameInfo(X509NameType.DnsName, false);

    private void Mount(string folder, (string Certificate, string Key) pair)
    {
        Directory.CreateDirectory(authority.Path(folder));
        File.WriteAllText(authority.Path($"{folder}/tls.crt"), pair.Certificate);
        File.WriteAllText(authority.Path($"{folder}/tls.key"), pair.Key);
        File.SetLastWriteTimeUtc(authority.Path($"{folder}/tls.crt"), DateTime.UnixEpoch);
        File.SetLastWriteTimeUtc(authority.Path($"{folder}/tls.key"), DateTime.UnixEpoch);
    }

    private sealed class RecordedLog : ILogger<CertificateReloader>
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => NullLogger.Instance.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add($"{logLevel}: {formatter(state, exception)}");
    }
}
