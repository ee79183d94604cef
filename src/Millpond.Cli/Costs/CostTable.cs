using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Millpond.Cli.Tables;
using Millpond.Server.Telemetry;

namespace Millpond.Cli.Costs;

/// <summary>A report of costs for people at a terminal. A member that an older or newer server does not send is shown as <c>-</c>.</summary>
internal static class CostTable
{
    private static readonly string[] Units = ["B", "KB", "MB", "GB", "TB", "PB"];

    /// <param name="width">How many columns the terminal has; null where there is none.</param>
    public static string Draw(JsonObject report, int? width)
    {
        var text = new StringBuilder();
        text.Append(Storage(report["storage"]).Draw(width)).Append('\n');
        var upstreams = Upstreams(report["measured"]);
        if (!upstreams.IsEmpty)
        {
            text.Append(upstreams.Draw(width)).Append('\n');
        }

        text.Append(Bills(report).Draw(width)).Append('\n');
        foreach (var line in Remarks(report))
        {
            text.Append(VisibleText.Of(line)).Append('\n');
        }

        return text.ToString();
    }

    private static TextTable Storage(JsonNode? storage)
    {
        var table = new TextTable("prefix", "tier", "upstream", "images", "versions", "stored", "on ECR", "kept", "steady");
        foreach (var use in List(storage?["prefixes"]))
        {
            table.Add(
                Text(use["prefix"]), Text(use["tier"]), Text(use["upstream"]), Number(use["images"]), Number(use["versions"]), Size(use["bytes"]), Size(use["ecrBytes"]),
                Value(use["keptDays"]) is { } days ? string.Create(CultureInfo.InvariantCulture, $"{days:0.#} days") : "-", Size(use["steadyBytes"]));
        }

        table.Add("all", "", "", Number(storage?["images"]), Number(storage?["versions"]), Size(storage?["bytes"]), Size(storage?["ecrBytes"]), "", Size(storage?["steadyBytes"]));
        return table;
    }

    private static TextTable Upstreams(JsonNode? measured)
    {
        var table = new TextTable("upstream", "pulls", "requests saved", "requests made", "served", "received", "saved");
        foreach (var upstream in List(measured?["upstreams"]))
        {
            table.Add(
                upstream["upstream"] is null ? "(pushed here)" : Text(upstream["upstream"]), Number(upstream["pulls"]), Number(upstream["requestsSaved"]),
                Number(upstream["requestsMade"]), Size(upstream["bytesServed"]), Size(upstream["bytesReceived"]), Size(upstream["bytesSaved"]));
        }

        return table;
    }

    private static TextTable Bills(JsonObject report)
    {
        var month = report["perMonth"];
        var table = new TextTable($"{Text(report["currency"])} per month", "ECR, now", "here, now", "ECR, steady", "here, steady");
        foreach (var (title, member) in (ReadOnlySpan<(string, string)>)
            [("storage", "storage"), ("transfer", "transfer"), ("secrets", "secrets"), ("calls for secrets", "secretCalls"), ("total", "total")])
        {
            table.Add(
                title, Money(month?["now"]?["ecr"]?[member]), Money(month?["now"]?["here"]?[member]), Money(month?["steady"]?["ecr"]?[member]),
                Money(month?["steady"]?["here"]?[member]));
        }

        return table;
    }

    private static IEnumerable<string> Remarks(JsonObject report)
    {
        var measured = report["measured"];
        yield return $"Pulls, requests and bytes are counted since {Text(measured?["since"])} ({Text(measured?["days"])} days); a month of them is {Text(measured?["perMonth"])} times that.";
        yield return $"Storage is as of {Text(report["storage"]?["at"])}. \"steady\": what will be here once as much expires as comes, by the policies of now.";
        yield return $"{Text(report["secrets"]?["onEcr"])} secrets would be needed on ECR; clients would pull from: {Text(report["prices"]?["clients"])} (cost.clients).";
    }

    private static IEnumerable<JsonNode> List(JsonNode? node) => node is JsonArray list ? list.OfType<JsonNode>() : [];

    private static string Text(JsonNode? node) => node is JsonValue value ? value.ToString() : "-";

    private static decimal? Value(JsonNode? node) => node is JsonValue value && value.TryGetValue<decimal>(out var number) ? number : null;

    private static string Number(JsonNode? node) => Value(node) is { } number ? number.ToString("0", CultureInfo.InvariantCulture) : "-";

    private static string Money(JsonNode? node) => Value(node) is { } number ? number.ToString("0.00", CultureInfo.InvariantCulture) : "-";

    /// <summary>In thousands, as prices for a GB are counted.</summary>
    private static string Size(JsonNode? node)
    {
        if (Value(node) is not { } value)
        {
            return "-";
        }

        var unit = 0;
        while (Math.Abs(value) >= 1000 && unit < Units.Length - 1)
        {
            value /= 1000;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{(unit == 0 ? value : Math.Round(value, 1)):0.#} {Units[unit]}");
    }
}
