using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Millpond.Server.Telemetry;

/// <summary>One event of the log and its two forms, both a single line.</summary>
internal readonly record struct LogLine(
    DateTimeOffset Time, LogLevel Level, string Category, string Event, string Message,
    IReadOnlyList<KeyValuePair<string, object?>> Properties, Exception? Exception)
{
    private const string TimeFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";

    /// <summary>What the framework calls the message's template among the properties.</summary>
    private const string Template = "{OriginalFormat}";

    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private string TimeText => Time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture);

    /// <summary>The words of <c>log.level</c>.</summary>
    private string LevelText => Level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warning",
        LogLevel.Error or LogLevel.Critical => "error",
        LogLevel.None => "none",
    };

    /// <summary>An object of time, level, category, event and message, then each property under its own name in camel case.</summary>
    public string ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer, Readable))
        {
            json.WriteStartObject();
            json.WriteString("time"u8, TimeText);
            json.WriteString("level"u8, LevelText);
            json.WriteString("category"u8, Category);
            json.WriteString("event"u8, Event);
            json.WriteString("message"u8, Message);
            foreach (var (name, value) in Properties)
            {
                if (name != Template)
                {
                    json.WritePropertyName(FieldName(name));
                    WriteValue(json, value);
                }
            }

            if (Exception is not null)
            {
                json.WriteString("exception"u8, Exception.ToString());
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>For people: the message has the properties in it already. An exception follows on the same line.</summary>
    public string ToText()
    {
        var text = $"{TimeText} {LevelText,-7} {Category}: {Message}";
        return VisibleText.Of((Exception is null ? text : $"{text} | {Exception}").ReplaceLineEndings(" "));
    }

    /// <summary>A property that is called like a fixed field gets an underscore, so that no name stands twice in a line.</summary>
    private static string FieldName(string property)
    {
        var name = JsonNamingPolicy.CamelCase.ConvertName(property);
        return name is "time" or "level" or "category" or "event" or "message" or "exception" ? name + "_" : name;
    }

    private static void WriteValue(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case sbyte or byte or short or ushort or int or uint or long:
                json.WriteNumberValue(Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
            case ulong or decimal:
                json.WriteNumberValue(Convert.ToDecimal(value, CultureInfo.InvariantCulture));
                break;
            case float or double when double.IsFinite(Convert.ToDouble(value, CultureInfo.InvariantCulture)):
                json.WriteNumberValue(Convert.ToDouble(value, CultureInfo.InvariantCulture));
                break;
            case TimeSpan span:
                json.WriteNumberValue(Math.Round(span.TotalSeconds, 6));
                break;
            case DateTimeOffset time:
                json.WriteStringValue(time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture));
                break;
            default:
                json.WriteStringValue(Convert.ToString(value, CultureInfo.InvariantCulture));
                break;
        }
    }
}
