using System.Text.RegularExpressions;
using Millpond.Server.Configuration;

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

    /// <summary>A table after its mark: heading and rule stay, the rows are made.</summary>
    [GeneratedRegex(@"(?<head><!-- keys: (?<scope>\w+) -->\n\n\|[^\n]*\n\|[^\n]*\n)(\|[^\n]*\n)*")]
    private static partial Regex Tables();
}
