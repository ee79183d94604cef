using System.Text.Json.Nodes;

namespace Millpond.Server.Ecr.Protocol;

/// <summary>An error as AWS has it: a type that clients act on, and a message for people.</summary>
/// <param name="Members">Further members of the body, for the few types that have them.</param>
public sealed record AwsError(int Status, string Type, string Message, IReadOnlyDictionary<string, JsonNode>? Members = null)
{
    public static AwsError Internal { get; } = new(500, "ServerException", "Something went wrong in this server; its log says what.");

    public static AwsError Unavailable { get; } = new(503, "ServiceUnavailable", "This server's catalog cannot be read or written at the moment; try again.");

    public static AwsError TooLarge { get; } = new(413, "RequestEntityTooLargeException", "The request's body is too large.");

    public static AwsError NotJson { get; } = new(400, "SerializationException", "The request's body is no JSON object, or names something twice.");

    public static AwsError UnknownOperation { get; } = new(404, "UnknownOperationException", "There is no such operation.");

    /// <summary>A fault of the caller's that the service's model knows.</summary>
    public static AwsError Of(string type, string message) => new(400, type, message);

    public static AwsError InvalidParameter(string message) => Of("InvalidParameterException", message);

    public static AwsError NotAuthorized(string who, string action, string resource, string because) => new(
        403, "AccessDeniedException", $"User: {who} is not authorized to perform: {action} on resource: {resource} {because}");
}

/// <summary>
/// Ends an operation with an error. Thrown from however deep the operation is and caught in one place: an operation has a dozen ways to
/// be refused, and handing each of them up by hand would hide what it does (docs/decisions/access.md).
/// </summary>
public sealed class AwsErrorException(AwsError error) : Exception(error.Message)
{
    public AwsErrorException(string type, string message)
        : this(AwsError.Of(type, message))
    {
    }

    public AwsError Error => error;
}
