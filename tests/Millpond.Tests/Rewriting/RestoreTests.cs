using System.Text;
using Millpond.Images;
using Millpond.Rewriting.Edits;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Records;

namespace Millpond.Tests.Rewriting;

/// <summary>The way back: every byte by a record, the same meaning without one.</summary>
public sealed class RestoreTests
{
    [Fact]
    public void A_record_gives_every_byte_of_the_corpus_back()
    {
        Corpus.SkipWhereAbsent();
        Assert.All(Corpus.Files(), file => AssertGivesBack(file, Corpus.Read(file)));
    }

    [Fact]
    public void Without_a_record_every_reference_of_the_corpus_means_the_same_again()
    {
        Corpus.SkipWhereAbsent();
        foreach (var file in Corpus.Files())
        {
            var content = Corpus.Read(file);
            var (before, rewritten) = Corpus.Rewrite(file, content);
            var (_, restored) = Corpus.Rewrite(file, rewritten, Corpus.FromCache);
            var (after, _) = Corpus.Rewrite(file, restored);
            Assert.Equal(before.References.Select(Meaning).ToList(), after.References.Select(Meaning).ToList());
            // What was never rewritten is not restored either, whatever it says.
            Assert.Equal(Unchanged(content, before, after), Unchanged(restored, before, after));
        }
    }

    [Theory]
    [InlineData("x.yaml", "apiVersion: v1\r\nkind: Pod\r\nspec: {containers: [{image: index.docker.io/library/bash}, {image: \"bash\"}]}")]
    [InlineData("values.yaml", "a: {image: {registry: docker.io, repository: busybox}}\nb: {image: {registry: docker.io, repository: busybox}}\n")]
    [InlineData("kustomization.yaml", "images:\n- name: a/b\n  newTag: x")]
    [InlineData("x.json", "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"spec\":{\"containers\":[{\"image\":\"\\u0067hcr.io\\/a\"}]}}")]
    [InlineData("Dockerfile", "ARG REG=docker.io\nFROM $REG/busybox\nFROM nginx")]
    [InlineData("main.tf", "container {\n image = \"nginx\"\n}\n")]
    public void A_record_gives_every_byte_back(string file, string content) => AssertGivesBack(file, Encoding.UTF8.GetBytes(content));

    [Fact]
    public void Edits_are_kept_as_they_are_in_the_order_of_the_file_and_once()
    {
        var random = new Random(12);
        var edits = Enumerable.Range(0, 3000)
            .Select(i => new RecordedEdit(i, $"items[{i}].ünïcode", random.Next(2000), new string('a', random.Next(90)), i % 700 == 0 ? new string('é', 70_000) : $"b{i % 3}"))
            .ToList();
        EditCollection kept = [.. edits];
        Assert.Equal(edits, kept);
        Assert.Equal(edits[2999], kept[2999]);
        Assert.Equal(edits.DistinctBy(edit => (edit.Offset, edit.Original, edit.Replacement)).OrderBy(edit => edit.Offset), kept.InOrder());
    }

    [Theory]
    [InlineData("cache.example.com/docker-hub/library/nginx:1", "nginx:1")]
    [InlineData("cache.example.com/docker-hub/grafana/loki", "grafana/loki")]
    [InlineData("cache.example.com/quay/a/b@sha256:" + YamlEditTests.Sha, "quay.io/a/b@sha256:" + YamlEditTests.Sha)]
    [InlineData("cache.example.com/docker-hub/library/123", "\"123\"")]
    [InlineData("cache.example.com/docker-hub/library/true", "\"true\"")]
    [InlineData("other.example.com/quay/a/b", "other.example.com/quay/a/b")]
    public void Without_a_record_references_get_their_familiar_form(string cached, string familiar) =>
        Assert.Equal(YamlEditTests.Pod("image: " + familiar), Corpus.Rewrite("x.yaml", YamlEditTests.Pod("image: " + cached), Corpus.FromCache).Output);

    [Fact]
    public void A_registry_of_its_own_is_restored_with_its_repository() => Assert.Equal(
        "global: {image: {registry: docker.io}}\na: {image: {registry: docker.io, repository: a/a}}\nb: {image: {registry: quay.io, repository: a/b}}\n",
        Corpus.Rewrite(
            "values.yaml",
            "global: {image: {registry: cache.example.com/docker-hub}}\na: {image: {registry: docker.io, repository: a/a}}\nb: {image: {registry: cache.example.com/quay, repository: a/b}}\n",
            Corpus.FromCache).Output);

    [Fact]
    public void A_file_that_has_changed_is_not_restored_by_offsets()
    {
        var (recorded, output) = Record("x.yaml", Encoding.UTF8.GetBytes(YamlEditTests.Pod("image: nginx")));
        using var restored = new MemoryStream();
        Assert.False(RecordedFiles.TryRestore([recorded!], new MemoryStream([.. output, (byte)'\n']), restored));
        Assert.False(RecordedFiles.TryRestore([recorded!], new MemoryStream(output[..^1]), restored));
        Assert.False(RecordedFiles.TryRestore([recorded!], new MemoryStream(Encoding.UTF8.GetBytes(YamlEditTests.Pod("image: other"))), restored));
    }

    [Fact]
    public void What_a_record_knows_of_a_changed_file_keeps_its_spelling()
    {
        var (recorded, output) = Record("x.yaml", Encoding.UTF8.GetBytes(YamlEditTests.Pod("image: index.docker.io/library/bash")));
        var changes = ReferenceChanges.Restoring(Corpus.Rules(), recorded!.Edits);
        var (_, restored) = Corpus.Rewrite("x.yaml", [.. output, .. "  - image: cache.example.com/docker-hub/library/bash\n"u8], changes);
        Assert.Equal(YamlEditTests.Pod("image: index.docker.io/library/bash") + "  - image: bash\n", Encoding.UTF8.GetString(restored));
    }

    [Fact]
    public void A_record_is_read_as_it_was_written()
    {
        var (recorded, _) = Record("x.yaml", Encoding.UTF8.GetBytes(YamlEditTests.Pod("image: nginx")));
        using var stream = new MemoryStream();
        new RewriteRecord(RewriteRecord.CurrentVersion, Corpus.Registry, [recorded!]).Save(stream);
        stream.Position = 0;
        var again = RewriteRecord.Load(stream);
        Assert.Equal(recorded!.Edits, Assert.Single(again.Files).Edits.AsEnumerable());
        Assert.Equal(recorded.Before, again.Files[0].Before);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"version\":1,\"registry\":\"x\"}")]
    [InlineData("{\"version\":2,\"registry\":\"x\",\"files\":[]}")]
    [InlineData("apiVersion: v1")]
    public void What_is_no_record_is_refused(string text) =>
        Assert.Throws<FormatException>(() => RewriteRecord.Load(new MemoryStream(Encoding.UTF8.GetBytes(text))));

    private static void AssertGivesBack(string file, byte[] content)
    {
        var (recorded, output) = Record(file, content);
        if (recorded is null)
        {
            Assert.Equal(content, output);
            return;
        }

        using var restored = new MemoryStream();
        Assert.True(RecordedFiles.TryRestore([recorded], new MemoryStream(output), restored), file);
        Assert.Equal(content, restored.ToArray());
        // And the record of a rewriting is taken for one.
        Assert.Null(new RecordedPlaces(PlaceTables.Default, Corpus.FromCache).FirstForeign(recorded, file, new MemoryStream(content), new MemoryStream(output)));
    }

    private static (RecordedFile? Recorded, byte[] Output) Record(string file, byte[] content)
    {
        using var output = new MemoryStream();
        using var before = new FingerprintStream(new MemoryStream(content));
        using var after = new FingerprintStream(output);
        var report = new FileRewriter(PlaceTables.Default, Corpus.ToCache).Rewrite(file, before, after);
        return (RecordedFiles.Of(file, [.. report.References.SelectMany(RecordedFiles.Edits)], before.State(), after.State()), output.ToArray());
    }

    // What named the cache already means the upstream's image, too.
    private static string Meaning(FoundReference found) =>
        ImageReference.TryParse(Corpus.Rules().Restore(found.Reference).Reference, out var reference) ? reference.Normalised : found.Reference;

    private static List<string> Unchanged(byte[] content, params FileReport[] reports)
    {
        var changed = reports.SelectMany(report => report.Edits).Select(edit => edit.Line).ToHashSet();
        return [.. Encoding.Latin1.GetString(content).Split('\n').Where((_, i) => !changed.Contains(i + 1))];
    }
}
