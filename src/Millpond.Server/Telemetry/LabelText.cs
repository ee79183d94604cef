using System.Text.Json;

namespace Millpond.Server.Telemetry;

/// <summary>An outcome as metrics call it: <c>TlsFailure</c> is <c>tls_failure</c>.</summary>
public static class LabelText
{
    public static string Of<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
