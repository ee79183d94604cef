using Millpond.Cli.Editing;

namespace Millpond.Tests.Cli;

public sealed class HeldInputTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    [InlineData(17 << 20)]
    public void It_is_read_twice_from_memory_or_from_a_file_that_is_gone_afterwards(int length)
    {
        var content = new byte[length];
        new Random(1).NextBytes(content);
        string? file;
        using (var held = new HeldInput(new MemoryStream(content)))
        {
            file = Read(held, content);
            Assert.Equal(length > 16 << 20, file is not null);
            Assert.Equal(file, Read(held, content));
            // A process that is killed leaves nothing: the file has no name.
            Assert.True(file is null || new FileInfo(file).LinkTarget!.EndsWith("(deleted)", StringComparison.Ordinal));
        }
    }

    private static string? Read(HeldInput held, byte[] expected)
    {
        using var input = held.Open();
        using var read = new MemoryStream();
        input.CopyTo(read);
        Assert.True(expected.AsSpan().SequenceEqual(read.ToArray()));
        return (input as FileStream)?.Name;
    }
}
