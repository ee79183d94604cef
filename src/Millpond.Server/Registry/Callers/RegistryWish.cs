using System.Collections.Immutable;
using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Server.Registry.Callers;

/// <summary>What a client may want of a repository.</summary>
public enum RegistryAction
{
    Pull,
    Push,
    Delete,
}

/// <summary>What a client wants to do, and to which repository.</summary>
/// <param name="Repository">What the repository is called here.</param>
/// <param name="Permissions">The actions that policies must allow for it.</param>
/// <param name="Rule">The rule that it is a cache by; null for a repository of this server's own, or of nobody's.</param>
public readonly record struct RegistryWish(RegistryAction Action, RepositoryName Repository, ImmutableArray<string> Permissions, PullThroughRule? Rule = null)
{
    /// <summary>To see a repository's name in a list of them.</summary>
    public const string Describe = "ecr:DescribeRepositories";

    /// <summary>To read a blob of a repository, or take it over from there.</summary>
    public static ImmutableArray<string> ReadBlob { get; } = ["ecr:GetDownloadUrlForLayer"];

    private static readonly ImmutableArray<string> ReadManifest = ["ecr:BatchGetImage"];
    private static readonly ImmutableArray<string> ListTags = ["ecr:ListImages"];
    private static readonly ImmutableArray<string> PutManifest = ["ecr:PutImage"];
    private static readonly ImmutableArray<string> Delete = ["ecr:BatchDeleteImage"];
    private static readonly ImmutableArray<string> BeginUpload = ["ecr:InitiateLayerUpload"];
    private static readonly ImmutableArray<string> UploadAtOnce = ["ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"];
    private static readonly ImmutableArray<string> UploadPart = ["ecr:UploadLayerPart"];
    private static readonly ImmutableArray<string> EndUpload = ["ecr:CompleteLayerUpload"];

    /// <summary>What the paths of reading and writing need (ECR's own table, which leaves HEAD of a blob to either of two).</summary>
    public static ImmutableArray<string> PermissionsFor(RegistryPath path, HttpRequest request)
    {
        var method = request.Method;
        return path.Kind switch
        {
            RegistryPathKind.Upload when path.Reference.Length == 0 => request.Query.ContainsKey("digest") ? UploadAtOnce : BeginUpload,
            RegistryPathKind.Upload => HttpMethods.IsPut(method) ? EndUpload : UploadPart,
            _ when HttpMethods.IsDelete(method) => Delete,
            _ when HttpMethods.IsPut(method) => PutManifest,
            RegistryPathKind.Blob => ReadBlob,
            RegistryPathKind.Tags => ListTags,
            _ => ReadManifest,
        };
    }
}
