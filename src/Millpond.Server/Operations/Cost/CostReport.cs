using System.Text.Json;
using Millpond.Server.Configuration;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Operations.Cost;

/// <summary><c>GET /-/cost</c>: what is stored, asked and saved, and what a month of it costs on ECR and here. What is measured says since when.</summary>
/// <param name="rules">The rules of now and those that were deleted, for whose upstream it was.</param>
/// <param name="limit">The most that the store may take.</param>
internal sealed class CostReport(
    CostConfiguration prices, StorageUse storage, MeasuredTraffic traffic, IReadOnlyList<PullThroughRule> rules, long limit)
{
    /// <summary>Of own repositories: what was pushed is pulled from no upstream.</summary>
    private const string Nobody = "";

    public void Write(Utf8JsonWriter json)
    {
        json.WriteString("currency", prices.Currency);
        WritePrices(json);
        WriteStorage(json);
        WriteTraffic(json);
        json.WriteStartObject("secrets");
        json.WriteNumber("kept", storage.Secrets.Kept);
        json.WriteNumber("ofAws", storage.Secrets.OfAws);
        json.WriteNumber("onEcr", storage.Secrets.OnEcr);
        json.WriteEndObject();
        json.WriteStartObject("perMonth");
        WriteBills(json, "now", storage.EcrBytes, Here(storage.Bytes));
        WriteBills(json, "steady", storage.EcrProjected, Math.Min(limit, Here(storage.Projected)));
        json.WriteEndObject();
    }

    private long Here(long bytes) => bytes + storage.Loose;

    private void WritePrices(Utf8JsonWriter json)
    {
        json.WriteStartObject("prices");
        json.WriteNumber("ecrStorage", prices.EcrStorage);
        json.WriteNumber("sameRegion", prices.SameRegion);
        json.WriteNumber("otherRegion", prices.OtherRegion);
        json.WriteNumber("internet", prices.Internet);
        json.WriteNumber("secret", prices.Secret);
        json.WriteNumber("secretCalls", prices.SecretCalls);
        json.WriteNumber("disk", prices.Disk);
        json.WriteNumber("transferHere", prices.TransferHere);
        json.WriteString("clients", prices.ClientsText);
        json.WriteEndObject();
    }

    private void WriteStorage(Utf8JsonWriter json)
    {
        json.WriteStartObject("storage");
        json.WriteString("at", storage.At);
        json.WriteNumber("images", storage.Images);
        json.WriteNumber("versions", storage.Versions);
        json.WriteNumber("bytes", storage.Bytes);
        json.WriteNumber("looseBytes", storage.Loose);
        json.WriteNumber("ecrBytes", storage.EcrBytes);
        json.WriteNumber("steadyBytes", Math.Min(limit, storage.Projected));
        json.WriteNumber("steadyEcrBytes", storage.EcrProjected);
        json.WriteNumber("limitBytes", limit);
        WriteTiers(json);
        json.WriteStartArray("prefixes");
        foreach (var use in storage.Prefixes)
        {
            json.WriteStartObject();
            json.WriteString("prefix", use.Prefix);
            json.WriteString("upstream", use.Upstream);
            json.WriteString("tier", use.Tier);
            WriteUse(json, [use]);
            if (use.KeptDays is { } days)
            {
                json.WriteNumber("keptDays", Math.Round(days, 1));
            }
            else
            {
                json.WriteNull("keptDays");
            }

            json.WriteNumber("overdueBytes", use.Overdue);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private void WriteTiers(Utf8JsonWriter json)
    {
        json.WriteStartArray("tiers");
        foreach (var tier in storage.Prefixes.GroupBy(use => use.Tier))
        {
            json.WriteStartObject();
            json.WriteString("tier", tier.Key);
            WriteUse(json, [.. tier]);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteUse(Utf8JsonWriter json, IReadOnlyList<PrefixUse> uses)
    {
        json.WriteNumber("images", uses.Sum(use => use.Images));
        json.WriteNumber("versions", uses.Sum(use => use.Versions));
        json.WriteNumber("bytes", uses.Sum(use => use.Bytes));
        json.WriteNumber("ecrBytes", uses.Sum(use => use.EcrBytes));
        json.WriteNumber("steadyBytes", uses.Sum(use => use.Projected));
        json.WriteNumber("steadyEcrBytes", uses.Sum(use => use.EcrProjected));
    }

    private void WriteTraffic(Utf8JsonWriter json)
    {
        json.WriteStartObject("measured");
        json.WriteString("since", traffic.Since);
        json.WriteString("until", traffic.Until);
        json.WriteNumber("days", Math.Round(traffic.Days, 2));
        json.WriteNumber("perMonth", Math.Round(traffic.PerMonth, 4));
        json.WriteStartArray("upstreams");
        var upstreamOf = rules.GroupBy(rule => rule.Prefix).ToDictionary(same => same.Key, same => same.First().UpstreamName);
        var ofRules = traffic.Counts.Where(count => count.Kind == TrafficCounts.OfRule)
            .ToLookup(count => count.Name == TrafficCounts.NoRule ? Nobody : upstreamOf.GetValueOrDefault(count.Name, PrefixUse.Former));
        var requests = traffic.Counts.Where(count => count.Kind == TrafficCounts.OfUpstream).ToLookup(count => count.Name);
        foreach (var name in ofRules.Select(group => group.Key).Union(requests.Select(group => group.Key)).Order(StringComparer.Ordinal))
        {
            WriteUpstream(json, name, [.. ofRules[name]], [.. requests[name]]);
        }

        json.WriteEndArray();
        json.WriteStartObject("calls");
        foreach (var count in traffic.Counts.Where(count => count.Kind == TrafficCounts.OfService))
        {
            json.WriteNumber(count.Name, count.Value);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteUpstream(Utf8JsonWriter json, string name, IReadOnlyList<TrafficCount> ofRules, IReadOnlyList<TrafficCount> requests)
    {
        var (sent, received) = (Sum(TrafficCounts.BytesOut), Sum(TrafficCounts.BytesIn));
        json.WriteStartObject();
        json.WriteString("upstream", name == Nobody ? null : name);
        json.WriteNumber("pulls", Sum(TrafficCounts.Pulls));
        json.WriteNumber("requestsSaved", name == Nobody ? 0 : Sum(TrafficCounts.Saved));
        json.WriteNumber("requestsMade", requests.Sum(count => count.Value));
        json.WriteStartObject("requestsByReason");
        foreach (var count in requests)
        {
            json.WriteNumber(count.Counter, count.Value);
        }

        json.WriteEndObject();
        json.WriteNumber("bytesServed", sent);
        json.WriteNumber("bytesReceived", received);
        json.WriteNumber("bytesSaved", name == Nobody ? 0 : sent - received);
        json.WriteEndObject();

        long Sum(string counter) => ofRules.Where(count => count.Counter == counter).Sum(count => count.Value);
    }

    private void WriteBills(Utf8JsonWriter json, string name, long ecrBytes, long bytes)
    {
        var sent = traffic.Sum(TrafficCounts.OfRule, TrafficCounts.BytesOut) * traffic.PerMonth;
        var calls = traffic.Sum(TrafficCounts.OfService, "secretsmanager", TrafficCounts.Calls) * traffic.PerMonth;
        json.WriteStartObject(name);
        WriteBill(json, "ecr", CostBill.OnEcr(prices, ecrBytes, sent, storage.Secrets.OnEcr, calls));
        WriteBill(json, "here", CostBill.Here(prices, bytes, sent, storage.Secrets.OfAws));
        json.WriteEndObject();
    }

    private static void WriteBill(Utf8JsonWriter json, string name, CostBill bill)
    {
        json.WriteStartObject(name);
        json.WriteNumber("storage", Math.Round(bill.Storage, 4));
        json.WriteNumber("transfer", Math.Round(bill.Transfer, 4));
        json.WriteNumber("secrets", Math.Round(bill.Secrets, 4));
        json.WriteNumber("secretCalls", Math.Round(bill.SecretCalls, 4));
        json.WriteNumber("total", Math.Round(bill.Total, 4));
        json.WriteEndObject();
    }
}
