using System.Collections.Frozen;

namespace Millpond.Server.Ecr.Protocol;

/// <summary>A service of the JSON 1.1 protocol: operations under one prefix of <c>X-Amz-Target</c>.</summary>
/// <param name="Name">For signatures and actions, such as <c>ecr</c>.</param>
/// <param name="MessageKey">The member of an error's body that holds its message.</param>
public sealed record AwsService(string Name, string TargetPrefix, string MessageKey, Func<AwsViolation, AwsError> Invalid, IReadOnlyList<AwsOperation> Operations)
{
    private readonly FrozenDictionary<string, AwsOperation> byName = Operations.ToFrozenDictionary(operation => operation.Name, StringComparer.Ordinal);

    /// <summary>What is wrong with an input whatever the operation; null for nothing.</summary>
    public Func<AwsInput, AwsError?>? Refuse { get; init; }

    public AwsOperation? Find(string name) => byName.GetValueOrDefault(name);

    public string ActionOf(AwsOperation operation) => $"{Name}:{operation.Action ?? operation.Name}";
}
