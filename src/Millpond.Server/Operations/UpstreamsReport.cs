using System.Text.Json;
using Millpond.Server.Governing;

namespace Millpond.Server.Operations;

/// <summary><c>GET /-/upstreams</c>: how each upstream does, and what is left of its limits.</summary>
public static class UpstreamsReport
{
    public static void Write(Utf8JsonWriter json, IReadOnlyList<UpstreamState> upstreams, DateTimeOffset now)
    {
        json.WriteStartArray("upstreams");
        foreach (var upstream in upstreams)
        {
            Write(json, upstream, now);
        }

        json.WriteEndArray();
    }

    /// <summary>One word for how an upstream does.</summary>
    public static string StateText(UpstreamState upstream, DateTimeOffset now)
    {
        if (upstream.Breaker == BreakerState.Open)
        {
            return "down";
        }

        if (upstream.ThrottledUntil > now)
        {
            return "throttled";
        }

        if (upstream.LastFailure is not null)
        {
            return "failing";
        }

        return upstream.LastSuccess is null ? "unknown" : "ok";
    }

    private static void Write(Utf8JsonWriter json, UpstreamState upstream, DateTimeOffset now)
    {
        json.WriteStartObject();
        json.WriteString("rule", upstream.Rule);
        json.WriteString("upstream", upstream.Upstream);
        json.WriteString("state", StateText(upstream, now));
        json.WriteString("breaker", upstream.Breaker == BreakerState.Open ? "open" : "closed");
        WriteNumber(json, "rateLimit", upstream.RateLimit);
        WriteNumber(json, "rateRemaining", upstream.RateRemaining);
        WriteTime(json, "throttledUntil", upstream.ThrottledUntil);
        WriteTime(json, "lastSuccess", upstream.LastSuccess);
        json.WriteString("lastFailure", upstream.LastFailure);
        WriteTime(json, "lastFailureAt", upstream.LastFailureAt);
        json.WriteNumber("fillsRunning", upstream.FillsRunning);
        json.WriteNumber("requestsRunning", upstream.RequestsRunning);
        json.WriteNumber("imagesIncomplete", upstream.ImagesIncomplete);
        json.WriteEndObject();
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, int? value)
    {
        json.WritePropertyName(name);
        if (value is { } number)
        {
            json.WriteNumberValue(number);
        }
        else
        {
            json.WriteNullValue();
        }
    }

    private static void WriteTime(Utf8JsonWriter json, string name, DateTimeOffset? value)
    {
        json.WritePropertyName(name);
        if (value is { } time)
        {
            json.WriteStringValue(time);
        }
        else
        {
            json.WriteNullValue();
        }
    }
}
