using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Millpond.Tests.Fixtures;

/// <summary>What a request to the upstream was for.</summary>
public enum RequestKind
{
    Ping,
    Manifest,
    Blob,

    /// <summary>A signed URL on the blob host.</summary>
    BlobHost,
    Tags,
    Referrers,
    Token,
    Other,
}

/// <summary>A request that the upstream saw, from its arrival on.</summary>
public sealed class UpstreamRequest
{
    private long bytesSent;

    internal UpstreamRequest(HttpContext context, RequestKind kind, string? repository, string? reference)
    {
        var request = context.Request;
        Method = request.Method;
        Kind = kind;
        Url = $"{request.Scheme}://{request.Host}{request.Path}{request.QueryString}";
        Repository = repository;
        Reference = reference;
        Range = request.GetTypedHeaders().Range?.Ranges.FirstOrDefault();
        Headers = request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        Protocol = request.Protocol;
    }

    public string Method { get; }

    public RequestKind Kind { get; }

    public string Url { get; }

    public string? Repository { get; }

    /// <summary>The tag or digest.</summary>
    public string? Reference { get; }

    public RangeItemHeaderValue? Range { get; }

    public string Protocol { get; }

    public IReadOnlyDictionary<string, string> Headers { get; }

    /// <summary>The whole Authorization header, or null.</summary>
    public string? Authorization => Headers.GetValueOrDefault("Authorization");

    public string? AuthorizationScheme => Authorization?.Split(' ')[0];

    /// <summary>Whether a body is asked for from its middle on.</summary>
    public bool IsResume => Range?.From > 0;

    /// <summary>The answer's status; 0 until it is known.</summary>
    public int Status { get; internal set; }

    /// <summary>Bytes of body handed to the connection.</summary>
    public long BytesSent => Interlocked.Read(ref bytesSent);

    public bool HasEnded { get; internal set; }

    public override string ToString() =>
        $"{Method} {Url}{(Range is null ? "" : $" [{Range}]")} {AuthorizationScheme ?? "anonymous"} -> {Status}, {BytesSent} bytes{(HasEnded ? "" : ", running")}";

    internal void Sent(int count) => Interlocked.Add(ref bytesSent, count);
}
