using System.Text.Json;
using System.Text.Json.Nodes;

namespace Millpond.Cli.Access;

/// <summary>How a new access key is printed: it is told once, so it is printed as it will be used.</summary>
internal static class KeyFormat
{
    public static readonly string[] Names = ["ini", "env", "json"];

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static string Write(JsonNode key, string format)
    {
        var (id, secret, token) = ((string)key["accessKeyId"]!, (string)key["secretAccessKey"]!, (string?)key["sessionToken"]);
        return format switch
        {
            "env" => $"export AWS_ACCESS_KEY_ID={id}\nexport AWS_SECRET_ACCESS_KEY={secret}\n{(token is null ? "" : $"export AWS_SESSION_TOKEN={token}\n")}",
            "json" => key.ToJsonString(Indented) + "\n",
            _ => $"[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n{(token is null ? "" : $"aws_session_token = {token}\n")}",
        };
    }
}
