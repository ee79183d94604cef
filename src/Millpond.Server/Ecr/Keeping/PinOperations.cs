using System.Text.Json.Nodes;
using Millpond.Server.Ecr.Protocol;
using Millpond.Server.Lifecycle.Pins;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Keeping;

/// <summary>Which images are never evicted: our own operations, behind <c>millpond pin</c>.</summary>
internal sealed class PinOperations(PinBook pins)
{
    private static readonly AwsMember Pattern = Text(1, PinPattern.MaxLength).Needed("pattern");

    public IEnumerable<AwsOperation> All =>
    [
        new("AddPin", Structure(Pattern), AddAsync) { Note = "A reference or a glob, as `millpond pin` takes it." },
        new("RemovePin", Structure(Pattern), RemoveAsync),
        new("ListPins", Structure(), ListAsync) { Note = "All of them: there are 1,000 at most." },
    ];

    private async ValueTask<JsonObject> AddAsync(AwsCall call)
    {
        var pattern = call.Input.Text("pattern");
        return await pins.AddAsync(pattern, call.Cancellation) switch
        {
            PinOutcome.Kept => new() { ["pattern"] = pattern, ["imagesPinned"] = await pins.CountAsync() },
            PinOutcome.Full => throw new AwsErrorException(AwsError.InvalidParameter($"There are {PinBook.Most} pins already; remove some, or write one glob for several.")),
            PinOutcome.Invalid => throw new AwsErrorException(AwsError.InvalidParameter(
                "A pin is a repository as it is called here, or a glob of such, with :TAG, a glob of tags, @DIGEST, or nothing for all of its images; such as quay/prometheus/*:v2*.")),
        };
    }

    private async ValueTask<JsonObject> RemoveAsync(AwsCall call)
    {
        var pattern = call.Input.Text("pattern");
        return await pins.RemoveAsync(pattern) ? new() { ["pattern"] = pattern }
            : throw new AwsErrorException("PinNotFoundException", "There is no such pin; it must be written as it was added.");
    }

    private async ValueTask<JsonObject> ListAsync(AwsCall call) => new()
    {
        ["pins"] = AwsJson.List((await pins.ListAsync()).Select(pin => new JsonObject { ["pattern"] = pin.Pattern, ["createdAt"] = AwsJson.Time(pin.CreatedAt) })),
        ["imagesPinned"] = await pins.CountAsync(),
    };
}
