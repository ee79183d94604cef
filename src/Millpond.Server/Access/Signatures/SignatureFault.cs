namespace Millpond.Server.Access.Signatures;

/// <summary>Why a signature is not believed, as AWS calls it.</summary>
/// <param name="Type">Such as <c>InvalidSignatureException</c>.</param>
public sealed record SignatureFault(string Type, string Message)
{
    public static SignatureFault Missing { get; } = new("MissingAuthenticationTokenException", "Missing Authentication Token");

    public static SignatureFault UnknownKey { get; } = new("UnrecognizedClientException", "The security token included in the request is invalid.");

    public static SignatureFault Expired { get; } = new("ExpiredTokenException", "The security token included in the request is expired");

    public static SignatureFault Mismatch { get; } = new(
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.");

    public static SignatureFault Incomplete(string what) => new("IncompleteSignatureException", what);

    public static SignatureFault Invalid(string what) => new("InvalidSignatureException", what);
}
