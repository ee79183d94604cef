namespace Millpond.Server.Access.Signatures;

/// <summary>
/// The access key that AWS tools would use: of the environment, else of the profile in the shared credentials file. What asks another program
/// or service for one (SSO, roles, containers) is left to those tools.
/// </summary>
public sealed record AwsCredentials(string KeyId, string Secret, string? SessionToken)
{
    private const string DefaultProfile = "default";

    /// <summary>The key as it is now; null where there is none.</summary>
    /// <param name="environment">A variable by its name; null where it is not set.</param>
    /// <param name="why">Where it was looked for; empty where it was found.</param>
    public static AwsCredentials? Find(Func<string, string?> environment, out string why)
    {
        why = "";
        if (environment("AWS_ACCESS_KEY_ID") is { Length: > 0 } id && environment("AWS_SECRET_ACCESS_KEY") is { Length: > 0 } secret)
        {
            return new(id, secret, environment("AWS_SESSION_TOKEN") is { Length: > 0 } token ? token : null);
        }

        var path = environment("AWS_SHARED_CREDENTIALS_FILE") is { Length: > 0 } named ? named : Path.Join(environment("HOME") ?? "", ".aws", "credentials");
        var profile = environment("AWS_PROFILE") ?? environment("AWS_DEFAULT_PROFILE") ?? DefaultProfile;
        var values = Read(path, profile);
        if (values.GetValueOrDefault("aws_access_key_id") is { } fileId && values.GetValueOrDefault("aws_secret_access_key") is { } fileSecret)
        {
            return new(fileId, fileSecret, values.GetValueOrDefault("aws_session_token"));
        }

        why = $"neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set, nor has {path} a profile '{profile}' with both";
        return null;
    }

    /// <summary>Without the secret.</summary>
    public override string ToString() => KeyId;

    private static Dictionary<string, string> Read(string path, string profile)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        if (!File.Exists(path))
        {
            return values;
        }

        var isWanted = false;
        foreach (var line in File.ReadLines(path).Select(line => line.Trim()))
        {
            if (line.StartsWith('['))
            {
                isWanted = line.Trim('[', ']').Trim() == profile;
            }
            else if (isWanted && line.IndexOf('=', StringComparison.Ordinal) is > 0 and var equals && !line.StartsWith('#'))
            {
                values[line[..equals].Trim()] = line[(equals + 1)..].Trim();
            }
        }

        return values;
    }
}
