using System.Text;
using System.Text.Json;
using Millpond.Server.Admission;

namespace Millpond.Tests.Admission;

/// <summary>What is left of a review, and that what is left out was read.</summary>
public sealed class ReviewExcerptTests
{
    private const string Review = """
        { "kind": "AdmissionReview", "apiVersion" : "admission.k8s.io/v1", "request" : {
          "uid": "1", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "userInfo": {"username": "somebody"},
          "object": {"kind": "Pod", "metadata": {"name": "web", "annotations": {"a": "\u0041\"]}", "b": "2"}, "managedFields": [{"f:a": {"k:{\"name\":\"c\"}": {}}}]},
            "spec": {"volumes": [null, {"name": "v", "emptyDir": {}}, {"image": {"reference": "r", "x": [1, {"y": 2}]}}],
              "containers": [{"env": [{"name": "image", "value": "x"}], "name": "c", "image": "i:1"}, 7, [{"image": "no"}], {}],
              "initContainers": "none", "nodeName": "n"}, "status": {}},
          "oldObject": null, "sub\u0052esource": "x", "options": {"kind": "CreateOptions"}}, "more": [[[]]] }
        """;

    [Fact]
    public void What_is_looked_at_is_left_as_it_was()
    {
        var body = Encoding.UTF8.GetBytes(Review);
        var left = Encoding.UTF8.GetString(body, 0, ReviewExcerpt.TakeOut(body, 1000));
        using var document = JsonDocument.Parse(left);
        Assert.Equal(
            """
            {"apiVersion":"admission.k8s.io/v1","request":{"uid":"1","kind":{"group":"","version":"v1","kind":"Pod"},"object":{"metadata":{"annotations":{"a":"A\u0022]}","b":"2"}},"spec":{"volumes":[null,{"name":"v"},{"image":{"reference":"r","x":[1,{"y":2}]}}],"containers":[{"name":"c","image":"i:1"},7,[{"image":"no"}],{}],"initContainers":"none"}},"oldObject":null,"subResource":"x"}}
            """,
            JsonSerializer.Serialize(document.RootElement));
    }

    [Fact]
    public void Of_another_kind_all_is_left()
    {
        var body = Encoding.UTF8.GetBytes(Review.Replace("\"kind\": \"Pod\"}", "\"kind\": \"Pods\"}", StringComparison.Ordinal));
        var left = Encoding.UTF8.GetString(body, 0, ReviewExcerpt.TakeOut(body, 1000));
        Assert.Contains("managedFields", left, StringComparison.Ordinal);
        Assert.Contains("\"status\": {}", left, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_cut_off_anywhere_or_followed_by_more_is_no_json()
    {
        var whole = Encoding.UTF8.GetBytes(Review.TrimEnd());
        for (var length = 0; length < whole.Length; length++)
        {
            Assert.ThrowsAny<JsonException>(() => ReviewExcerpt.TakeOut(whole.AsSpan(0, length).ToArray(), 1000));
        }

        Assert.ThrowsAny<JsonException>(() => ReviewExcerpt.TakeOut([.. whole, (byte)'}'], 1000));
        Assert.ThrowsAny<JsonException>(() => ReviewExcerpt.TakeOut(Encoding.UTF8.GetBytes($$"""{"x":{{new string('[', 1001)}}{{new string(']', 1001)}}}"""), 1000));
    }
}
