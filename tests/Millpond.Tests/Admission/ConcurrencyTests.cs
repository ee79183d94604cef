using System.Collections.Concurrent;
using System.Net;

namespace Millpond.Tests.Admission;

/// <summary>Under load, nobody gets another's images.</summary>
public sealed class ConcurrencyTests(ReviewerFixture fixture) : IClassFixture<ReviewerFixture>
{
    private const int Callers = 64;
    private const int ReviewsEach = 50;

    private readonly Reviewer reviewer = fixture.Reviewer;

    /// <summary>API servers speak HTTP/2, many questions on one connection.</summary>
    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Sixty_four_callers_get_the_answers_to_their_own_questions(string version)
    {
        reviewer.HttpVersion = new(version);
        var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var wrong = new ConcurrentBag<string>();
        var callers = Enumerable.Range(0, Callers).Select(caller => CallAsync(caller, start.Task, wrong)).ToList();
        start.SetResult();
        await Task.WhenAll(callers);

        Assert.Empty(wrong);
    }

    /// <summary>No two reviews of all callers have an image, a container's name or a number of containers with each other in common.</summary>
    private async Task CallAsync(int caller, Task start, ConcurrentBag<string> wrong)
    {
        await start;
        for (var at = 0; at < ReviewsEach; at++)
        {
            var images = Enumerable.Range(0, 1 + ((caller + at) % 5)).Select(number => $"quay.io/team-{caller}/app-{at}:{number}").ToArray();
            var pod = Pods.With(images);
            if (at % 10 == 0)
            {
                // Somebody else's nonsense between.
                using var refused = await reviewer.PostAsync("""{"request":""");
                Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            }

            var reviewed = await reviewer.AskAsync(Reviewer.Request(pod));
            var created = JsonPatch.Apply(pod, reviewed.Patch);
            var expected = images.Select(image => image.Replace("quay.io/", "cache.corp.example/quay/", StringComparison.Ordinal));
            if (!Pods.Images(created).SequenceEqual(expected) || !Pods.Originals(created)!.Select(one => (string?)one.Value).SequenceEqual(images))
            {
                wrong.Add($"{string.Join(", ", images)} became {created.ToJsonString()}");
            }
        }
    }
}
