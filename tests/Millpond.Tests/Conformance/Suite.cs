namespace Millpond.Tests.Conformance;

/// <summary>The suite in its two forms.</summary>
internal static class Suite
{
    /// <summary>For what only reads: a cache.</summary>
    public static IReadOnlyList<Scenario> ReadOnly { get; } =
    [
        .. PullScenarios.All, .. TagScenarios.Pull, .. ReferrerScenarios.Pull, .. ErrorScenarios.Pull,
        .. ShapeScenarios.ReadOnly([.. DataShapes.All, DataShapes.Sparse]),
    ];

    /// <summary>For a registry: everything.</summary>
    public static IReadOnlyList<Scenario> Whole { get; } =
    [
        .. PullScenarios.All, .. TagScenarios.Pull, .. ReferrerScenarios.Pull, .. ErrorScenarios.Pull,
        .. BlobPushScenarios.All, .. UploadScenarios.All, .. MountScenarios.All, .. ManifestPushScenarios.All, .. ReferrerScenarios.Push, .. ErrorScenarios.Push,
        .. ShapeScenarios.Whole(DataShapes.All),
    ];
}
