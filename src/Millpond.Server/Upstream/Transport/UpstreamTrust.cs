using System.Diagnostics.CodeAnalysis;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Millpond.Server.Configuration;

namespace Millpond.Server.Upstream.Transport;

/// <summary>
/// Whom a rule trusts and how it shows itself in TLS. The CA bundle is read at the handshakes that need it, so that a missing file fails
/// pulls with its reason and a replaced one is used at once.
/// </summary>
internal static class UpstreamTrust
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    /// <summary>The TLS settings of a rule, with its client certificate as it is now.</summary>
    /// <exception cref="UpstreamException">The client certificate cannot be read.</exception>
    [SuppressMessage("Security", "CA5359", Justification = "Only where the rule says tls.insecure.")]
    public static SslClientAuthenticationOptions Options(PullThroughRule rule) => new()
    {
        RemoteCertificateValidationCallback = rule.Tls switch
        {
            { Insecure: true } => static (_, _, _, _) => true,
            { Ca: { } bundle } => (_, certificate, chain, errors) => Accepts(bundle, rule, certificate, chain, errors),
            _ => null,
        },
        ClientCertificateContext = rule.Tls is { Certificate: { } certificate, Key: { } key } ? ReadClientCertificate(certificate, key, rule) : null,
    };

    private static bool Accepts(string bundle, PullThroughRule rule, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (errors == SslPolicyErrors.None)
        {
            return true;
        }

        if (errors != SslPolicyErrors.RemoteCertificateChainErrors || certificate is not X509Certificate2 leaf || chain is null)
        {
            throw Failed($"the certificate is {(errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) ? "for another name" : "missing")}");
        }

        using var own = new X509Chain();
        own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        own.ChainPolicy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        own.ChainPolicy.ExtraStore.AddRange(chain.ChainPolicy.ExtraStore);
        foreach (var ca in ReadBundle(bundle, rule))
        {
            var isRoot = ca.SubjectName.RawData.AsSpan().SequenceEqual(ca.IssuerName.RawData);
            (isRoot ? own.ChainPolicy.CustomTrustStore : own.ChainPolicy.ExtraStore).Add(ca);
        }

        if (own.Build(leaf))
        {
            return true;
        }

        throw Failed($"neither the system nor the bundle of the rule (tls.ca) vouches for its certificate: "
            + string.Join(", ", own.ChainStatus.Select(status => status.Status).Distinct()), $"the bundle is {bundle}");

        UpstreamException Failed(string why, string detail = "") => new(UpstreamOutcome.TlsFailure, $"the TLS connection for {rule.UpstreamName} failed: {why}")
        {
            Detail = detail,
        };
    }

    private static X509Certificate2Collection ReadBundle(string path, PullThroughRule rule)
    {
        try
        {
            var bundle = new X509Certificate2Collection();
            bundle.ImportFromPemFile(path);
            return bundle;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new UpstreamException(UpstreamOutcome.TlsFailure, $"the CA bundle (tls.ca of rule {rule.Prefix}) cannot be read") { Detail = path };
        }
    }

    private static SslStreamCertificateContext ReadClientCertificate(string certificate, string key, PullThroughRule rule)
    {
        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(certificate);
            return SslStreamCertificateContext.Create(X509Certificate2.CreateFromPemFile(certificate, key), chain, offline: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new UpstreamException(
                UpstreamOutcome.TlsFailure,
                $"the client certificate or its key (tls.certificate, tls.key of rule {rule.Prefix}) cannot be read")
            {
                Detail = $"{certificate}, {key}",
            };
        }
    }
}
