using Millpond.Server.Catalog.Control;
using Millpond.Server.Configuration;
using Millpond.Server.Credentials;
using Millpond.Server.Ecr.Protocol;

namespace Millpond.Server.Ecr.Secrets;

/// <summary>Finds the secret that a call means.</summary>
internal sealed class SecretFinder(SecretVault vault, EcrConfiguration ecr)
{
    /// <summary>The ARN of a secret without its suffix.</summary>
    public string ArnOf(string name) => $"arn:aws:secretsmanager:{ecr.Region}:{ecr.Account}:secret:{name}";

    /// <summary>What a call on an existing secret must be allowed on: the ARN it names, or that of the name, whether it exists or not.</summary>
    public IEnumerable<AwsResource> Named(AwsCall call)
    {
        var id = call.Input.Text("SecretId");

        // Decided on what is meant, however it is written: the name's own ARN, so that a short form opens nothing that the long one does not.
        var secret = vault.FindAsync(id).AsTask().GetAwaiter().GetResult();
        yield return new(secret?.Arn ?? (id.StartsWith("arn:", StringComparison.Ordinal) ? id : ArnOf(id)), null);
    }

    public async ValueTask<SecretRow> GetAsync(AwsCall call) => await vault.FindAsync(call.Input.Text("SecretId")) ?? throw SecretShapes.NotFound();

    /// <summary>One that is not marked for deletion.</summary>
    public async ValueTask<SecretRow> GetLiveAsync(AwsCall call) => await GetAsync(call) is { DeletedAt: null } secret ? secret : throw SecretShapes.Deleted();
}
