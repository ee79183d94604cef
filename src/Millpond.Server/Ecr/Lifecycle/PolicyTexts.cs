using Millpond.Server.Ecr.Protocol;
using Millpond.Server.Lifecycle.Policies;

namespace Millpond.Server.Ecr.Lifecycle;

/// <summary>Lifecycle policies as operations are given them.</summary>
internal static class PolicyTexts
{
    /// <exception cref="AwsErrorException">It is no policy.</exception>
    public static LifecyclePolicy Parse(string text) => PolicyText.TryParse(text, out var policy, out var why)
        ? policy
        : throw new AwsErrorException(AwsError.InvalidParameter(
            $"Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: {why}'"));
}
