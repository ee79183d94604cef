using Millpond.Server.Access;

namespace Millpond.Server.Ecr.Protocol;

/// <summary>One call whose signature holds and whose input is well formed.</summary>
/// <param name="Origin">From where it came.</param>
/// <param name="RegistryUrl">What clients call this server: <c>publicUrl</c>, else as this call was addressed.</param>
public sealed record AwsCall(
    AwsOperation Operation, AwsInput Input, KnownKey Key, RequestOrigin Origin, Uri RegistryUrl, DateTimeOffset Now, CancellationToken Cancellation)
{
    public Principal Caller => Key.Principal;
}
