using FsCheck;
using FsCheck.Fluent;
using Millpond.Images;

namespace Millpond.Tests.Images;

public sealed class ReferenceProperties
{
    [Fact]
    public void What_is_printed_is_read_back_in_the_same_parts() =>
        Prop.ForAll(ReferenceGenerators.Reference.Arb(), parts =>
        {
            var text = parts.ToString();
            if (!ImageReference.TryParse(text, out var reference, out var fault))
            {
                // Without a host the first part may look like one; with a host a generated label may end in a hyphen.
                return fault is ReferenceFault.Host or ReferenceFault.ImageId or ReferenceFault.NameTooLong;
            }

            var firstIsHost = parts.Host.Length == 0 && reference.WrittenHost.Length > 0;
            return reference.ToString() == text
                && (firstIsHost || (reference.WrittenHost.SequenceEqual(parts.Host) && reference.WrittenPath.SequenceEqual(parts.Path)))
                && reference.Tag == parts.Tag
                && reference.Digest?.ToString() == parts.Digest;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Normalising_twice_changes_nothing_more_and_keeps_the_meaning() =>
        Prop.ForAll(ReferenceGenerators.Reference.Arb(), parts =>
        {
            if (!ImageReference.TryParse(parts.ToString(), out var reference))
            {
                return true;
            }

            var normalised = ImageReference.Parse(reference.Normalised);
            return normalised.Normalised == reference.Normalised
                && normalised.MeansSameAs(reference)
                && normalised.Tag == reference.Tag
                && normalised.Digest == reference.Digest;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_familiar_form_means_the_same() =>
        Prop.ForAll(ReferenceGenerators.Reference.Arb(), parts =>
            !ImageReference.TryParse(parts.ToString(), out var reference)
            || ImageReference.Parse(reference.Familiar).MeansSameAs(reference)).QuickCheckThrowOnFailure();

    [Fact]
    public void Any_text_is_read_or_refused_without_an_exception() =>
        Prop.ForAll(ArbMap.Default.ArbFor<string>(), text =>
            !ImageReference.TryParse(text, out var reference, out var fault)
                ? fault != ReferenceFault.None
                : reference.ToString() == text && RepositoryName.TryParse(reference.Path.ToString(), out _)).QuickCheckThrowOnFailure();
}
