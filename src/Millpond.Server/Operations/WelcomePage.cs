using Microsoft.AspNetCore.Http;
using Millpond.Server.Configuration;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Operations;

/// <summary><c>GET /</c>: what this is, which rules it has, and how to pull. Says no more than <c>/-/rules</c> does.</summary>
internal sealed class WelcomePage(Func<ServerConfiguration> current)
{
    /// <param name="listenerRule">The prefix of the rule that the whole listener is for, or null.</param>
    /// <param name="hasOperations">Whether <c>/-/</c> is on the same listener.</param>
    /// <param name="isStranger">Whether the one who asks is told of no rules.</param>
    public Task AnswerAsync(HttpContext context, string? listenerRule, bool hasOperations, bool isStranger)
    {
        var (page, configuration) = (Page.For(context.Request), current());
        page.Heading($"Millpond {BuildInfo.Version}, a pull-through cache for container images");
        if (isStranger)
        {
            page.Paragraph($"Log in to pull: docker login {context.Request.Host.Value}");
            return page.WriteAsync(context);
        }

        var registry = configuration.PublicUrl is { } url && listenerRule is null ? url.Authority : context.Request.Host.HasValue ? context.Request.Host.Value : "HOST";
        if (configuration.Rules.FirstOrDefault(rule => rule.Prefix == listenerRule) is { } only)
        {
            page.Paragraph($"This listener is for {only.UpstreamName} alone. Images are pulled through it by their names there:");
            page.Command($"docker pull {registry}/IMAGE:TAG");
            return page.WriteAsync(context);
        }

        page.Paragraph("Put this server and a prefix before an image's name to pull it through here; it is kept, and served also while its registry is down:");
        page.Command($"docker pull {FirstSteps.Reference(configuration, registry)}");
        page.Table(configuration.Rules.Select(rule => ($"{registry}/{FirstSteps.Prefix(rule)}", From(rule))));
        if (!configuration.DormantPresets.IsEmpty)
        {
            page.Paragraph("Not set up here:");
            page.Table(configuration.DormantPresets.Select(preset => ($"{registry}/{preset.Prefix}/", $"{preset.UpstreamName}: needs {preset.Credential}")));
        }

        if (hasOperations)
        {
            page.Paragraph("Health, metrics and reports:");
            page.Table([(EndpointList.Here, "what there is")], areLinks: true);
        }

        return page.WriteAsync(context);
    }

    private static string From(PullThroughRule rule) =>
        $"from {rule.UpstreamName}{(rule.UpstreamRepositoryPrefix is { } prefix ? $"/{prefix}" : "")}{(rule.Allow.IsEmpty ? "" : $" (only {string.Join(", ", rule.Allow)})")}";
}
