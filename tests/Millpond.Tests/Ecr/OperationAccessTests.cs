using Microsoft.Extensions.Logging.Abstractions;
using Millpond.Server.Catalog;
using Millpond.Server.Ecr;
using Millpond.Tests.Architecture;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Ecr;

/// <summary>Who is answered what by each operation that there is; the page says the same.</summary>
public sealed class OperationAccessTests
{
    private const string Mark = "<!-- callers -->\n";

    [Fact]
    public async Task Each_operation_is_for_whom_the_page_says()
    {
        await using var callers = await OperationCallers.StartAsync();
        var rows = new SortedDictionary<string, string>(StringComparer.Ordinal);
        Add("sts:GetCallerIdentity", await callers.AskIdentityAsync());

        // What takes something away comes last, so that the others find it.
        foreach (var (service, operation) in (await ServicesAsync()).SelectMany(service => service.Operations.Select(operation => (service, operation.Name)))
            .OrderBy(one => one.Name.StartsWith("Delete", StringComparison.Ordinal)).ThenBy(one => one.Name, StringComparer.Ordinal))
        {
            Add($"{service.Name}:{operation}", await callers.AskAsync(service.Name, service.TargetPrefix, operation));
        }

        DocumentPart.Check(
            "access.md", Mark, $"\n| operation | {string.Join(" | ", OperationCallers.Names)} |\n|---|{string.Concat(OperationCallers.Names.Select(_ => "---|"))}\n{string.Concat(rows.Values)}");

        void Add(string name, IReadOnlyList<int> statuses)
        {
            // Whoever has no key, a wrong one or one that is over is let in by nothing.
            Assert.Equal((name, "403 403 403"), (name, string.Join(' ', statuses.Take(3))));
            Assert.DoesNotContain(statuses, status => status >= 500);
            rows[name] = $"| `{name}` | {string.Join(" | ", statuses)} |\n";
        }
    }

    private static async Task<IReadOnlyList<Server.Ecr.Protocol.AwsService>> ServicesAsync()
    {
        using var folder = new TemporaryFolder();
        await using var catalog = CatalogDatabase.Open(folder.Path, TimeProvider.System, NullLogger<CatalogDatabase>.Instance);
        return EcrService.All(new(new(), null!, null!, null!, null!, null!, null!, null, null!, null!, null!, null!, null!, null!, catalog, TimeProvider.System));
    }
}
