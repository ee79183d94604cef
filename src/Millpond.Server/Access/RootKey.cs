using Millpond.Server.Catalog.Control;
using Millpond.Server.Files;

namespace Millpond.Server.Access;

/// <summary>
/// The first key: made at the first start and written where only the server's user reads it, in the form that AWS tools take as it is. An
/// empty file asks for another, which ends the one before.
/// </summary>
public static class RootKey
{
    /// <summary>The file in the data folder.</summary>
    public const string FileName = "root-credentials";

    /// <summary>Whether a key was made and written.</summary>
    public static async Task<bool> EnsureAsync(string folder, Principals principals, ControlTables control)
    {
        var arn = PrincipalArn.RootOf(principals.Account).Text;
        var path = Path.Join(folder, FileName);
        var old = await control.Access.ListKeysAsync(arn);
        var isWanted = File.Exists(path) && new FileInfo(path).Length == 0;
        if (old.Count > 0 && !isWanted)
        {
            return false;
        }

        // The file first: a key that only the catalog knows would lock everybody out.
        var (key, row) = principals.MakeKey(arn, null);
        PrivateFile.Write(path, Text(key));
        await control.Access.PutKeyAsync(row, [.. old.Select(known => known.Id)]);
        principals.Forget();
        return true;
    }

    /// <summary>A key as a file for <c>AWS_SHARED_CREDENTIALS_FILE</c>.</summary>
    public static string Text(NewKey key) =>
        $"""
        [default]
        aws_access_key_id = {key.AccessKeyId}
        aws_secret_access_key = {key.SecretAccessKey}
        {(key.SessionToken is null ? "" : $"aws_session_token = {key.SessionToken}\n")}
        """.TrimEnd() + "\n";
}
