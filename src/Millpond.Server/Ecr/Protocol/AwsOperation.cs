using System.Text.Json.Nodes;
using Millpond.Server.Access;

namespace Millpond.Server.Ecr.Protocol;

/// <summary>How far an operation does what its name says.</summary>
public enum AwsSupport
{
    /// <summary>It does.</summary>
    Honoured,

    /// <summary>What it is told is kept and told again, and has no effect.</summary>
    Stored,

    /// <summary>It is refused, always.</summary>
    Refused,
}

/// <summary>One operation: what it takes, on what it must be allowed, and what it does.</summary>
public sealed record AwsOperation(string Name, AwsShape Input, Func<AwsCall, ValueTask<JsonObject>> Run)
{
    /// <summary>What the caller needs the action on.</summary>
    public Func<AwsCall, IEnumerable<AwsResource>> Resources { get; init; } = _ => [AwsResource.Any];

    /// <summary>The action, where it is another than the operation's name.</summary>
    public string? Action { get; init; }

    /// <summary>Whether anybody with a key may, as AWS has it for who asks who he is.</summary>
    public bool IsOpen { get; init; }

    public AwsSupport Support { get; init; }

    /// <summary>For the page of compatibility: what is different here.</summary>
    public string Note { get; init; } = "";

    public long LongestBody { get; init; } = 256 * 1024;

    /// <summary>Tags that it would set, for conditions.</summary>
    public Func<AwsInput, IReadOnlyDictionary<string, string>>? Tags { get; init; }
}

/// <summary>On what an action is asked for.</summary>
/// <param name="Arn">Its ARN, or a star.</param>
/// <param name="Repository">The repository whose policy counts, where it is one.</param>
public readonly record struct AwsResource(string Arn, string? Repository)
{
    public static AwsResource Any => new("*", null);

    public static AwsResource OfRepository(Authorizer authorizer, string name) => new(authorizer.ArnOf(name), name);
}
