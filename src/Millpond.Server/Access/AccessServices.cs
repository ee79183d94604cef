using Microsoft.Extensions.Logging;
using Millpond.Server.Access.Tokens;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Configuration;

namespace Millpond.Server.Access;

/// <summary>Who may what, put together.</summary>
public sealed class AccessServices : IDisposable
{
    private const string CheckName = "check";

    private AccessServices(ServerConfiguration configuration, ControlTables control, KeyRing ring, RegistryTokens tokens, Principals principals, ILoggerFactory logs, TimeProvider time)
    {
        Ring = ring;
        Tokens = tokens;
        Principals = principals;
        Robots = new(configuration.RobotsFile, control, time, logs.CreateLogger<Robots>());
        Logins = new(principals, tokens, Robots, time);
        Authorizer = new(configuration.Ecr, new ResourcePolicies(control, principals), name => ResourceTags.ReadAsync(control, name));
        Audit = new(time, logs.CreateLogger<AuditLog>());
    }

    public KeyRing Ring { get; }

    public RegistryTokens Tokens { get; }

    public Principals Principals { get; }

    public Robots Robots { get; }

    public RegistryLogins Logins { get; }

    public Authorizer Authorizer { get; }

    public AuditLog Audit { get; }

    public void Dispose()
    {
        Audit.Dispose();
        Logins.Dispose();
    }

    /// <param name="folder">Where the first key is written.</param>
    /// <param name="keyPath">Where the server's own sealing key is.</param>
    /// <exception cref="KeyUnusableException">What is sealed cannot be opened.</exception>
    public static async Task<AccessServices> OpenAsync(
        ServerConfiguration configuration, ControlTables control, string folder, string keyPath, ILoggerFactory logs, TimeProvider time)
    {
        var check = await control.Sealed.FindAsync(CheckName);
        var ring = configuration.SealingKey switch
        {
            { File: { } path } => KeyRing.OpenFile(path),
            { Variable: { } name } => KeyRing.OfVariable(name, Environment.GetEnvironmentVariable(name)),
            _ => KeyRing.OpenOwn(keyPath, check is not null),
        };

        // Told at the start, not at the first secret.
        var purpose = SealedTable.PurposeOfValue(CheckName);
        if (check is null)
        {
            await control.Sealed.PutAsync(CheckName, ring.Seal(purpose, "millpond"u8));
        }
        else
        {
            ring.Open(purpose, check);
        }

        var principals = new Principals(control, ring, configuration.Ecr.Account, time);
        await RootKey.EnsureAsync(folder, principals, control);
        return new(configuration, control, ring, await RegistryTokens.OpenAsync(control, ring, time), principals, logs, time);
    }
}
