using System.Collections.Frozen;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Millpond.Tests.Architecture;

/// <summary>Who may know whom: the arrows of docs/architecture.md as data.</summary>
public sealed class ArrowTests
{
    /// <summary>Known to everyone in the server.</summary>
    private static readonly string[] Everywhere = ["Images", "Telemetry", "Configuration", "Bounded", "Files"];

    private static readonly string[] ServerParts =
    [
        "Registry", "Push", "Cache", "Governing", "Store", "Catalog", "Upstream", "Rules", "Credentials", "Access", "Ecr", "Lifecycle", "Admission", "Operations",
    ];

    private static readonly FrozenDictionary<string, string[]> Allowed = new Dictionary<string, string[]>
    {
        ["Images"] = [],
        ["Rewriting"] = ["Images"],
        ["Bounded"] = [],
        ["Files"] = [],
        ["Telemetry"] = Everywhere,
        ["Configuration"] = Everywhere,
        ["Store"] = Everywhere,
        ["Catalog"] = Everywhere,
        ["Rules"] = ["Catalog", .. Everywhere],
        ["Credentials"] = ["Catalog", "Access", .. Everywhere],
        ["Access"] = ["Catalog", .. Everywhere],
        ["Upstream"] = ["Rules", "Credentials", .. Everywhere],
        ["Governing"] = ["Rules", "Upstream", .. Everywhere],
        ["Cache"] = ["Governing", "Rules", "Upstream", "Store", "Catalog", .. Everywhere],
        ["Push"] = ["Rules", "Store", "Catalog", .. Everywhere],
        ["Lifecycle"] = ["Rules", "Catalog", "Store", "Cache", .. Everywhere],
        ["Registry"] = ["Access", "Rules", "Cache", "Push", "Catalog", .. Everywhere],
        ["Admission"] = ["Rules", "Rewriting", .. Everywhere],
        ["Ecr"] = [.. ServerParts.Except(["Registry", "Admission", "Operations"]), .. Everywhere],
        ["Operations"] = [.. ServerParts.Except(["Registry", "Ecr", "Admission"]), .. Everywhere],
        ["Host"] = [.. ServerParts, .. Everywhere],
        ["Rehearsal"] = ["Host", .. Everywhere],
        ["Cli"] = [.. ServerParts.Except(["Registry", "Cache", "Governing", "Store", "Upstream"]), "Host", "Rehearsal", "Rewriting", .. Everywhere],
    }.ToFrozenDictionary();

    /// <summary>Inside the cache, folder by folder; the folder's own top puts them together.</summary>
    private static readonly FrozenDictionary<string, string[]> AllowedInCache = new Dictionary<string, string[]>
    {
        ["Answers"] = [],
        ["Memory"] = ["Answers"],
        ["Eviction"] = ["Memory"],
        ["Fills"] = ["Answers", "Memory", "Eviction"],
        ["Lists"] = ["Answers", "Memory"],
        ["Local"] = ["Answers", "Memory", "Lists"],
        ["Pulls"] = ["Answers", "Memory", "Fills"],
        ["Completion"] = ["Answers", "Memory", "Pulls"],
    }.ToFrozenDictionary();

    /// <summary>Where a type of ASP.NET may be named: whole parts, and the endpoints and filters of two others.</summary>
    private static readonly string[] WebParts = ["Registry", "Ecr", "Admission", "Operations", "Host", "Rehearsal"];

    private static readonly (string Part, string[] FileEndings)[] WebFiles =
    [
        ("Push", ["Endpoint.cs", "Endpoints.cs"]), ("Access", ["Filter.cs"]),
    ];

    [Fact]
    public void Every_arrow_is_allowed() => Assert.Empty(SourceTree.Read("src").SelectMany(Violations));

    [Fact]
    public void Every_part_has_its_arrows() =>
        Assert.All(SourceTree.Read("src").Select(file => file.Part).Distinct(), part => Assert.Contains(part, Allowed.Keys));

    [Theory]
    [InlineData("src/Millpond.Server/Store/Blobs.cs", "using Millpond.Server.Catalog;")]
    [InlineData("src/Millpond.Server/Upstream/Transport/Retry.cs", "using Millpond.Server.Cache;")]
    [InlineData("src/Millpond.Server/Admission/Review.cs", "using static Millpond.Server.Upstream.UpstreamOutcome;")]
    [InlineData("src/Millpond.Server/Cache/Fill.cs", "using Tags = Millpond.Server.Registry.TagsEndpoint;")]
    [InlineData("src/Millpond.Server/Cache/Fill.cs", "class A { Millpond.Server.Registry.TagsEndpoint? tags; }")]
    [InlineData("src/Millpond.Images/Digest.cs", "using Millpond.Server.Configuration;")]
    [InlineData("src/Millpond.Rewriting/Yaml.cs", "using Millpond.Server.Rules;")]
    [InlineData("src/Millpond.Server/Ecr/GetToken.cs", "using Millpond.Server;")]
    [InlineData("src/Millpond.Server/Cache/Fill.cs", "using Microsoft.AspNetCore.Http;")]
    [InlineData("src/Millpond.Server/Push/Uploads.cs", "using Microsoft.AspNetCore.Http;")]
    [InlineData("src/Millpond.Server/Governing/Governor.cs", "using Millpond.Server.Cache.Pulls;")]
    [InlineData("src/Millpond.Server/Cache/Fills/Fill.cs", "using Millpond.Server.Cache.Pulls;")]
    [InlineData("src/Millpond.Server/Cache/Fills/Fill.cs", "class A { Millpond.Server.Cache.Lists.TagLists? tags; }")]
    [InlineData("src/Millpond.Server/Cache/Drawer/Fill.cs", "using Millpond.Server.Cache.Answers;")]
    public void A_planted_violation_is_found(string path, string text) => Assert.Single(Violations(new SourceFile(path, text)));

    [Theory]
    [InlineData("src/Millpond.Server/Cache/Fill.cs", "using Millpond.Server.Store; using Millpond.Images; using System.Net;")]
    [InlineData("src/Millpond.Server/Cache/Fill.cs", "namespace Millpond.Server.Cache; using Millpond.Server.Cache;")]
    [InlineData("src/Millpond.Server/Push/UploadEndpoint.cs", "using Microsoft.AspNetCore.Http;")]
    [InlineData("src/Millpond.Server/ServerHost.cs", "using Millpond.Server.Registry; using Microsoft.AspNetCore.Builder;")]
    [InlineData("src/Millpond.Server/Cache/Fills/Fill.cs", "using Millpond.Server.Cache.Answers; using Millpond.Server.Governing;")]
    [InlineData("src/Millpond.Server/Cache/CacheServices.cs", "using Millpond.Server.Cache.Pulls;")]
    public void What_is_allowed_passes(string path, string text) => Assert.Empty(Violations(new SourceFile(path, text)));

    private static IEnumerable<string> Violations(SourceFile file)
    {
        foreach (var name in Names(file.Root).Distinct())
        {
            if (PartOf(name) is { } part && part != file.Part && !Allowed.GetValueOrDefault(file.Part, []).Contains(part))
            {
                yield return $"{file.Path}: {file.Part} may not know {part} ({name})";
            }

            if (RoomOf(file.Path) is { } own && name.Split('.') is ["Millpond", "Server", "Cache", var room, ..] && room != own
                && !AllowedInCache.GetValueOrDefault(own, []).Contains(room))
            {
                yield return $"{file.Path}: Cache/{own} may not know Cache/{room} ({name})";
            }

            if (name.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal) && !MaySeeTheWeb(file))
            {
                yield return $"{file.Path}: ASP.NET types have no place here ({name})";
            }
        }
    }

    /// <summary>The folder inside the cache that a file stands in, or null.</summary>
    private static string? RoomOf(string path) => path.Split('/') is ["src", "Millpond.Server", "Cache", var room, _, ..] ? room : null;

    private static bool MaySeeTheWeb(SourceFile file) =>
        WebParts.Contains(file.Part)
        || WebFiles.Any(allowed => allowed.Part == file.Part && allowed.FileEndings.Any(ending => file.Path.EndsWith(ending, StringComparison.Ordinal)));

    /// <summary>What using lines name, and whole names written out in the code.</summary>
    private static IEnumerable<string> Names(SyntaxNode root)
    {
        foreach (var node in root.DescendantNodes(node => node is not (QualifiedNameSyntax or MemberAccessExpressionSyntax)))
        {
            switch (node)
            {
                case UsingDirectiveSyntax { NamespaceOrType: IdentifierNameSyntax single }:
                    yield return single.ToString();
                    break;
                case QualifiedNameSyntax or MemberAccessExpressionSyntax when node.Parent is not BaseNamespaceDeclarationSyntax:
                    yield return node.ToString();
                    break;
                default:
                    break;
            }
        }
    }

    private static string? PartOf(string name) => name.Split('.') switch
    {
        ["Millpond", "Server"] => "Host",
        ["Millpond", "Server", var part, ..] => ServerParts.Contains(part) || Everywhere.Contains(part) ? part : "Host",
        ["Millpond", var project, ..] => project,
        _ => null,
    };
}
