namespace Millpond.Tests.Conformance;

/// <summary>Runs scenarios, many at once, and gives the table.</summary>
internal static class ConformanceRun
{
    private const int AtOnce = 16;

    /// <param name="registry">What is tested.</param>
    /// <param name="scenarios">What is asked of it.</param>
    /// <param name="prefix">Of the repositories that are used.</param>
    /// <param name="provide">How content comes there that is only to be pulled.</param>
    public static async Task<ConformanceTable> RunAsync(RegistryUnderTest registry, IEnumerable<Scenario> scenarios, string prefix, Provide provide)
    {
        var table = new ConformanceTable();
        var numbered = scenarios.Select((scenario, number) => (scenario, number));
        await Parallel.ForEachAsync(numbered, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (row, _) =>
        {
            var talk = new Conversation(registry, $"{prefix}/row-{row.number}", row.scenario.Name, table, provide);
            try
            {
                await row.scenario.RunAsync(talk);
            }
            catch (Exception exception)
            {
                table.Add(new Finding(Api.Errors, row.scenario.Name, "the scenario itself", exception.ToString()));
            }
        });
        return table;
    }
}
