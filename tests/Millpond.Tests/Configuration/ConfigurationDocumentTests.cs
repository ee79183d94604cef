using System.Reflection;
using System.Text.RegularExpressions;
using Millpond.Server.Configuration;
using Millpond.Tests.Architecture;

namespace Millpond.Tests.Configuration;

public sealed partial class ConfigurationDocumentTests
{
    /// <summary>Set to 1 to write the tables anew into the document.</summary>
    private const string Update = "MILLPOND_UPDATE_DOCS";

    [Theory]
    [InlineData(KeyScope.TopLevel)]
    [InlineData(KeyScope.Rule)]
    [InlineData(KeyScope.RuleAndDefaults)]
    [InlineData(KeyScope.Listener)]
    public void The_document_lists_exactly_the_keys_there_are(KeyScope scope)
    {
        var table = Tables().Replace(ConfigurationDocument.Text, match => match.Groups["scope"].Value == scope.ToString() ? match.Groups["head"].Value + ConfigurationDocument.Table(scope) : match.Value);
        if (Environment.GetEnvironmentVariable(Update) == "1")
        {
            File.WriteAllText(ConfigurationDocument.FilePath(), table);
        }

        Assert.Contains(ConfigurationDocument.Table(scope), ConfigurationDocument.Text, StringComparison.Ordinal);
        Assert.Equal(table, ConfigurationDocument.Text);
    }

    [Fact]
    public void The_document_names_all_that_is_reserved_and_every_flag()
    {
        foreach (var word in ConfigurationKeys.Reserved.Concat(["--config FILE", "--data DIR", "--listen URL", "--upstream PREFIX=URL", "--admission [URL]", "--self-signed"]))
        {
            Assert.Contains($"`{word}`", ConfigurationDocument.Text, StringComparison.Ordinal);
        }
    }

    /// <summary>A key that nothing reads compiles, is documented, and does nothing.</summary>
    [Fact]
    public void Every_key_is_read_where_the_configuration_is_put_together()
    {
        var assemblies = string.Concat(SourceTree.Read("src").Where(file => file.Path.EndsWith("Assembly.cs", StringComparison.Ordinal)).Select(file => file.Text));
        var keys = typeof(ConfigurationKeys).GetFields(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public)
            .Where(field => field.FieldType.IsAssignableTo(typeof(ConfigurationKey))).Select(field => field.Name).ToArray();
        Assert.True(keys.Length >= ConfigurationKeys.All.Length);
        Assert.All(keys, key => Assert.Matches($@"\bGet\((ConfigurationKeys\.)?{key}\b", assemblies));
    }

    /// <summary>A table after its mark: heading and rule stay, the rows are made.</summary>
    [GeneratedRegex(@"(?<head><!-- keys: (?<scope>\w+) -->\n\n\|[^\n]*\n\|[^\n]*\n)(\|[^\n]*\n)*")]
    private static partial Regex Tables();
}
