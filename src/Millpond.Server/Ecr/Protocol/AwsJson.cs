using System.Text.Json.Nodes;

namespace Millpond.Server.Ecr.Protocol;

/// <summary>Answers as JSON, where what is not set is left out.</summary>
internal static class AwsJson
{
    /// <summary>Seconds since 1970, with a fraction.</summary>
    public static JsonNode Time(DateTimeOffset time) => JsonValue.Create(time.ToUnixTimeMilliseconds() / 1000.0m);

    public static JsonArray List(IEnumerable<string> texts) => new([.. texts.Select(text => JsonValue.Create(text))]);

    public static JsonArray List(IEnumerable<JsonObject> objects) => new([.. objects]);

    extension(JsonObject json)
    {
        /// <summary>Sets a member unless it is null.</summary>
        public JsonObject With(string name, JsonNode? value)
        {
            if (value is not null)
            {
                json[name] = value;
            }

            return json;
        }
    }
}
