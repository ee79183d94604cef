using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Millpond.Tests.Architecture;

/// <summary>Rules on the shape of the repository that no compiler checks.</summary>
public sealed class ShapeTests
{
    private static readonly string[] DrawerNames = ["Manager", "Helper", "Helpers", "Util", "Utils", "Utility", "Common", "Base"];

    /// <summary>Written in parts, so that this file does not hold what it forbids.</summary>
    private static readonly (string What, Regex Pattern)[] Forbidden =
    [
        ("a path of one developer's machine", new Regex("(?<![A-Za-z0-9_./-])/" + "(work|root|home)/[a-z.]", RegexOptions.CultureInvariant)),
        ("a package mirror's host", new Regex("https?:" + @"//[A-Za-z0-9.-]*mirror[A-Za-z0-9-]*\.(?!example|test|invalid)[a-z]+", RegexOptions.CultureInvariant)),
    ];

    [Fact]
    public void What_images_are_called_needs_no_package_no_network_and_no_disk()
    {
        var project = XDocument.Load(Path.Join(SourceTree.Top, "src/Millpond.Images/Millpond.Images.csproj"));
        Assert.DoesNotContain(project.Descendants(), element => element.Name.LocalName.EndsWith("Reference", StringComparison.Ordinal));
        var usings = SourceTree.Read("src/Millpond.Images")
            .SelectMany(file => file.Root.DescendantNodes().OfType<UsingDirectiveSyntax>(), (file, line) => $"{file.Path}: {line.NamespaceOrType}");
        Assert.DoesNotContain(usings, line => !line.Contains(": System", StringComparison.Ordinal)
            || line.Contains("System.IO", StringComparison.Ordinal) || line.Contains("System.Net", StringComparison.Ordinal));
    }

    [Fact]
    public void An_interface_has_two_implementations() => Assert.Empty(LonelyInterfaces(SourceTree.Read("src")));

    [Fact]
    public void A_lonely_interface_is_found()
    {
        SourceFile[] planted =
        [
            new("src/A.cs", "interface IStore; interface IClock; interface IUnused;"),
            new("src/B.cs", "class Files : IStore; class Objects : IStore; class Clock : System.IDisposable, IClock;"),
        ];
        Assert.Equal(["src/A.cs: IClock", "src/A.cs: IUnused"], LonelyInterfaces(planted));
    }

    [Fact]
    public void No_type_is_named_like_a_drawer() =>
        Assert.Empty(
            from file in SourceTree.Read("src")
            from type in file.Root.DescendantNodes().OfType<BaseTypeDeclarationSyntax>()
            where DrawerNames.Any(name => type.Identifier.Text.EndsWith(name, StringComparison.Ordinal))
            select $"{file.Path}: {type.Identifier.Text}");

    /// <summary>Such a limit is by the clock: on a busy machine it throws at what is right. A pattern is linear, or its text is short.</summary>
    [Fact]
    public void No_regular_expression_has_a_time_limit() =>
        Assert.Empty(SourceTree.Read("src").Where(file => file.Text.Contains("matchTimeout", StringComparison.OrdinalIgnoreCase)).Select(file => file.Path));

    [Fact]
    public void Nothing_in_the_repository_names_the_machine_it_was_made_on()
    {
        var found =
            from path in SourceTree.Files()
            let text = File.ReadAllText(Path.Join(SourceTree.Top, path))
            where !text.Contains('\0', StringComparison.Ordinal)
            from word in Words(text)
            select $"{path}: {word}";
        Assert.Empty(found);
    }

    [Theory]
    [InlineData("cd /wo" + "rk/main", 1)]
    [InlineData("see \"/ro" + "ot/.nuget\"", 1)]
    [InlineData("http://debian.mir" + "ror.net/x", 1)]
    [InlineData("GET /v2/ho" + "me/app and https://mirror.example/ and ../wo" + "rk/x", 0)]
    public void A_machine_s_name_is_recognised(string text, int expected) => Assert.Equal(expected, Words(text).Count());

    private static IEnumerable<string> Words(string text) =>
        from rule in Forbidden
        from match in rule.Pattern.Matches(text)
        select $"{rule.What}: {match.Value}";

    private static IEnumerable<string> LonelyInterfaces(IReadOnlyCollection<SourceFile> files)
    {
        var implemented = files
            .SelectMany(file => file.Root.DescendantNodes().OfType<BaseTypeDeclarationSyntax>())
            .Where(type => type is not InterfaceDeclarationSyntax)
            .SelectMany(type => type.BaseList?.Types ?? [])
            .CountBy(entry => entry.Type.ToString().Split('.')[^1].Split('<')[0])
            .ToDictionary();
        return
            from file in files
            from type in file.Root.DescendantNodes().OfType<InterfaceDeclarationSyntax>()
            where implemented.GetValueOrDefault(type.Identifier.Text) < 2
            select $"{file.Path}: {type.Identifier.Text}";
    }
}
