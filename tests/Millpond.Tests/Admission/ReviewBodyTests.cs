using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Millpond.Server.Bounded;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Admission;

/// <summary>Bodies that are no reviews, and reviews that are hardly any.</summary>
public sealed class ReviewBodyTests(ReviewerFixture fixture) : IClassFixture<ReviewerFixture>
{
    private readonly Reviewer reviewer = fixture.Reviewer;

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"request":null}""")]
    [InlineData("""{"request":{}}""")]
    [InlineData("""{"request":{"uid":7}}""")]
    [InlineData("""{"request":{"uid":""}}""")]
    [InlineData("""{"request":{"uid":"\ud800"}}""")]
    [InlineData("""{"request":{"uid":"1"}} {"request":{"uid":"2"}}""")]
    [InlineData("\u001f\u008b\b\0 as gzip begins")]
    public async Task A_body_without_a_question_is_refused_in_words(string body)
    {
        using var answer = await reviewer.PostAsync(body);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.StartsWith("The body ", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_review_that_is_too_large_to_be_read_is_allowed_unchanged()
    {
        var pod = Pods.With("nginx");
        pod["metadata"]!["annotations"] = new JsonObject { ["large"] = new string('x', 4 * 1024 * 1024) };

        var reviewed = await reviewer.AskAsync(Reviewer.Request(pod));

        Assert.Empty(reviewed.Patch);
        Assert.Equal("too-large", reviewed.Audit("skipped"));
    }

    [Fact]
    public void Bodies_in_flight_are_bounded_in_bytes_and_room_comes_back()
    {
        var room = new ByteRoom(64L * 1024 * 1024);
        var taken = 0;
        while (room.TryTake(3 * 1024 * 1024))
        {
            taken++;
        }

        Assert.Equal(21, taken);
        Assert.True(room.TryTake(1024));
        room.Return(3 * 1024 * 1024);
        Assert.True(room.TryTake(3 * 1024 * 1024));
    }

    [Fact]
    public async Task A_body_of_more_than_16_MiB_is_refused()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/admit") { Content = new StringContent(new string(' ', (16 * 1024 * 1024) + 1)) };
        request.Headers.ExpectContinue = true;

        using var answer = await reviewer.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
    }

    [Theory]
    [InlineData("""{"uid":"1"}""", "not-a-pod")]
    [InlineData("""{"uid":"1","kind":"Pod"}""", "not-a-pod")]
    [InlineData("""{"uid":"1","kind":{"kind":"Pod"},"object":7}""", "no-object")]
    [InlineData("""{"uid":"1","kind":{"kind":"Pod"},"object":{"spec":{"containers":[{"image":"nginx"}]}},"operation":"CREATE"}""", "no-metadata")]
    [InlineData("""{"uid":"1","kind":{"kind":"Pod"},"object":{"metadata":{"annotations":{"millpond.dev/rewrite":"\ud800"}}},"operation":"CREATE"}""", "failed")]
    public async Task A_question_that_cannot_be_understood_is_allowed_and_its_reason_told(string request, string reason)
    {
        var reviewed = await AskAsync(request);

        Assert.True(reviewed.IsAllowed);
        Assert.Equal(reason, reviewed.Audit("skipped"));
    }

    [Theory]
    [InlineData("""{"metadata":{}}""")]
    [InlineData("""{"metadata":{},"spec":null}""")]
    [InlineData("""{"metadata":{},"spec":[]}""")]
    [InlineData("""{"metadata":{},"spec":{"containers":{}}}""")]
    [InlineData("""{"metadata":{},"spec":{"containers":[null,1,"a",[],{"image":7},{"image":null}],"volumes":[{"image":"x"},{"image":{}}]}}""")]
    [InlineData("""{"metadata":{"annotations":null},"spec":{"ephemeralContainers":"x"}}""")]
    public async Task A_pod_of_another_shape_is_allowed_unchanged(string pod)
    {
        var reviewed = await AskAsync($$"""{"uid":"1","kind":{"kind":"Pod"},"operation":"CREATE","object":{{pod}}}""");

        Assert.True(reviewed.IsAllowed);
        Assert.Empty(reviewed.Patch);
    }

    [Fact]
    public async Task A_pod_of_nulls_where_maps_could_be_is_still_rewritten()
    {
        const string Pod = """{"metadata":{"annotations":null},"spec":{"containers":[null,{"name":"a","image":"nginx"}],"initContainers":null,"volumes":null}}""";
        var reviewed = await AskAsync($$"""{"uid":"1","kind":{"kind":"Pod"},"operation":"CREATE","object":{{Pod}}}""");

        var created = JsonPatch.Apply(JsonNode.Parse(Pod)!, reviewed.Patch);
        Assert.Equal("cache.corp.example/docker-hub/library/nginx", (string?)created["spec"]!["containers"]![1]!["image"]);
        Assert.NotNull(Pods.Originals(created));
    }

    [Fact]
    public async Task Objects_without_a_bottom_are_refused()
    {
        using var answer = await reviewer.PostAsync("""{"request":{"uid":"1","object":""" + new string('[', 1_000_000) + new string(']', 1_000_000) + "}}");

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/yaml")]
    [InlineData("application/json; charset=utf-16")]
    public async Task What_a_body_is_called_does_not_matter_as_it_is_looked_at(string type)
    {
        using var content = new ByteArrayContent([0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(Reviewer.Review(Reviewer.Request(Pods.With("nginx"))).ToJsonString())]);
        content.Headers.ContentType = System.Net.Http.Headers.MediaTypeHeaderValue.Parse(type);
        using var answer = await reviewer.Client.PostAsync(new Uri("/admit", UriKind.Relative), content, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.NotEmpty(new Reviewed(JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!.AsObject()).Patch);
    }

    [Theory]
    [InlineData("DELETE")]
    [InlineData("CONNECT")]
    [InlineData("create")]
    [InlineData(null)]
    public async Task Another_operation_changes_nothing(string? operation)
    {
        var request = Reviewer.Request(Pods.With("nginx"));
        request["operation"] = operation;

        var reviewed = await reviewer.AskAsync(request);

        Assert.Empty(reviewed.Patch);
        Assert.Equal("other-operation", reviewed.Audit("skipped"));
    }

    [Fact]
    public async Task Containers_of_one_name_are_told_by_their_place()
    {
        var pod = Pods.With("nginx:1", "registry.other.example/a", "nginx:2");
        pod["spec"]!["containers"]!.AsArray().ToList().ForEach(container => container!["name"] = "same");

        var created = await reviewer.CreateAsync(pod);

        Assert.Equal(["cache.corp.example/docker-hub/library/nginx:1", "registry.other.example/a", "cache.corp.example/docker-hub/library/nginx:2"], Pods.Images(created));
    }

    [Fact]
    public async Task Deep_objects_are_read()
    {
        var deep = $"{string.Concat(Enumerable.Repeat("""{"a":""", 500))}1{new string('}', 500)}";
        var pod = """{"metadata":{},"x":DEEP,"spec":{"containers":[{"name":"a","image":"nginx"}]}}""".Replace("DEEP", deep, StringComparison.Ordinal);
        var reviewed = await AskAsync($$"""{"uid":"1","kind":{"kind":"Pod"},"operation":"CREATE","object":{{pod}}}""");

        Assert.NotEmpty(reviewed.Patch);
    }

    [Fact]
    public async Task The_version_of_the_question_is_that_of_the_answer()
    {
        var review = Reviewer.Review(Reviewer.Request(Pods.With("nginx")));
        review["apiVersion"] = "admission.k8s.io/v1beta1";
        using var answer = await reviewer.PostAsync(review.ToJsonString());

        var body = JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
        Assert.Equal("admission.k8s.io/v1beta1", (string?)body["apiVersion"]);
    }

    [Theory]
    [InlineData("/admit", HttpStatusCode.OK)]
    [InlineData("/admit?timeout=10s", HttpStatusCode.OK)]
    [InlineData("/admit/", HttpStatusCode.NotFound)]
    [InlineData("/", HttpStatusCode.NotFound)]
    [InlineData("/v2/", HttpStatusCode.NotFound)]
    [InlineData("/healthz", HttpStatusCode.NotFound)]
    [InlineData("/metrics", HttpStatusCode.NotFound)]
    public async Task Reviews_are_all_there_is_on_their_listener(string path, HttpStatusCode expected)
    {
        using var answer = await reviewer.PostAsync(Reviewer.Review(Reviewer.Request(Pods.With("nginx"))).ToJsonString(), path);

        Assert.Equal(expected, answer.StatusCode);
    }

    [Fact]
    public async Task Reviews_are_sent_by_POST()
    {
        using var answer = await reviewer.Client.GetAsync(new Uri("/admit", UriKind.Relative), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Equal(["POST"], answer.Content.Headers.Allow);
    }

    [Fact]
    public async Task A_caller_that_leaves_in_the_middle_of_a_body_harms_nobody()
    {
        using var gone = new CancellationTokenSource();
        using var content = new HalfContent();
        var request = reviewer.Client.PostAsync(new Uri("/admit", UriKind.Relative), content, gone.Token);
        await content.WhenHalfSent.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);

        Assert.NotEmpty((await reviewer.AskAsync(Reviewer.Request(Pods.With("nginx")))).Patch);
    }

    private async Task<Reviewed> AskAsync(string request)
    {
        using var answer = await reviewer.PostAsync($$"""{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{request}}}""");
        var body = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.IsSuccessStatusCode, body);
        return new Reviewed(JsonNode.Parse(body)!.AsObject());
    }

    /// <summary>Promises a body and sends the beginning of it.</summary>
    private sealed class HalfContent : HttpContent
    {
        private readonly TaskCompletionSource sent = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task WhenHalfSent => sent.Task;

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes("""{"request":{"uid":"""), cancellationToken);
            await stream.FlushAsync(cancellationToken);
            sent.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 1000;
            return true;
        }
    }
}
