using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Millpond.Tests.Architecture;

/// <summary>Files and methods stay small enough to be read.</summary>
public sealed class SizeTests
{
    /// <summary>Without migrations: a schema's step is one list of tables, however long.</summary>
    private static readonly SourceFile[] Program = [.. SourceTree.Read("src").Where(file => !file.Path.Contains("/Migrations/", StringComparison.Ordinal))];

    [Fact]
    public void No_file_of_the_program_has_more_than_400_lines() => Assert.Empty(LongerThan(Program, 400));

    [Fact]
    public void Nine_of_ten_files_of_the_program_have_at_most_250_lines() => Assert.InRange(NinthDecile(Program.Select(file => file.Lines)), 1, 250);

    [Fact]
    public void No_method_of_the_program_has_more_than_80_lines() =>
        Assert.Empty(Program.SelectMany(Methods).Where(method => method.Lines > 80).Select(method => $"{method.Name}: {method.Lines} lines"));

    [Fact]
    public void Nine_of_ten_methods_of_the_program_have_at_most_35_lines() =>
        Assert.InRange(NinthDecile(Program.SelectMany(Methods).Select(method => method.Lines)), 1, 35);

    [Fact]
    public void No_test_file_has_more_than_500_lines() => Assert.Empty(LongerThan(SourceTree.Read("tests"), 500));

    [Fact]
    public void Lines_are_counted_from_a_declaration_to_its_closing_brace()
    {
        var file = new SourceFile("src/A.cs", "class A\n{\n    /// <summary>Not counted.</summary>\n    void M()\n    {\n        _ = 1;\n    }\n\n    int N() =>\n        1;\n}\n");
        Assert.Equal(11, file.Lines);
        Assert.Equal([("src/A.cs M", 4), ("src/A.cs N", 2)], Methods(file));
        Assert.Equal(9, NinthDecile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1]));
        Assert.Single(LongerThan([file], 10));
    }

    private static IEnumerable<string> LongerThan(IEnumerable<SourceFile> files, int limit) =>
        files.Where(file => file.Lines > limit).Select(file => $"{file.Path}: {file.Lines} lines");

    private static IEnumerable<(string Name, int Lines)> Methods(SourceFile file) =>
        from node in file.Root.DescendantNodes()
        where node is BaseMethodDeclarationSyntax or LocalFunctionStatementSyntax
        let span = node.SyntaxTree.GetLineSpan(node.Span)
        select ($"{file.Path} {NameOf(node)}", span.EndLinePosition.Line - span.StartLinePosition.Line + 1);

    private static string NameOf(SyntaxNode node) => node switch
    {
        MethodDeclarationSyntax method => method.Identifier.Text,
        ConstructorDeclarationSyntax constructor => constructor.Identifier.Text,
        LocalFunctionStatementSyntax function => function.Identifier.Text,
        _ => node.Kind().ToString(),
    };

    private static int NinthDecile(IEnumerable<int> values)
    {
        int[] sorted = [.. values.Order()];
        return sorted[(int)Math.Ceiling(sorted.Length * 0.9) - 1];
    }
}
