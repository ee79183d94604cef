using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Server.Cache;
using Millpond.Server.Configuration;
using Millpond.Server.Ecr.Protocol;
using Millpond.Server.Rules;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.CacheRules;

/// <summary>Pull-through cache rules. Those of the configuration are told too, and are changed there alone: they come before one of the same prefix.</summary>
internal sealed class CacheRuleOperations(CacheRuleBook book, PullThroughRules rules, PullThrough pulls, RuleSecrets secrets, string account)
{
    private const string Configured = "The rule stands in the configuration of the server: change it there.";

    private static readonly AwsMember Prefix = Text(2, 256, EcrShapes.PrefixPattern).Needed("ecrRepositoryPrefix");

    private static readonly AwsMember Credential =
        Text(50, 612, @"arn:aws(-\w+)*:secretsmanager:[a-zA-Z0-9-:]+:secret:ecr\-pullthroughcache\/[a-zA-Z0-9\/_+=.@-]+").As("credentialArn");

    private static readonly AwsMember CustomRole = Text(0, 2048).As("customRoleArn");

    /// <summary>No repository is called so; what is asked is whether the registry answers and takes the credential.</summary>
    private static readonly RepositoryName Probe = RepositoryName.Parse("library/hello-world");

    public IEnumerable<AwsOperation> All =>
    [
        new(
            "CreatePullThroughCacheRule",
            Structure(
                Prefix, Text(1, 2048).Needed("upstreamRegistryUrl"), EcrShapes.RegistryId, Choice(EcrUpstreams.Names).As("upstreamRegistry"), Credential, CustomRole,
                Text(2, 256, EcrShapes.PrefixPattern).As("upstreamRepositoryPrefix")),
            CreateAsync) { Note = "Any host, also with `http://`; prefixes of any length. `customRoleArn` is kept." },
        new(
            "DescribePullThroughCacheRules",
            Structure(EcrShapes.RegistryId, List(Text(2, 256, EcrShapes.PrefixPattern), 1, 100).As("ecrRepositoryPrefixes"), EcrShapes.NextToken, EcrShapes.MaxResults),
            DescribeAsync) { Note = "Rules of the configuration are among them." },
        new("UpdatePullThroughCacheRule", Structure(EcrShapes.RegistryId, Prefix, Credential, CustomRole), UpdateAsync),
        new("DeletePullThroughCacheRule", Structure(Prefix, EcrShapes.RegistryId), DeleteAsync) { Note = "What is cached stays and is served; upstream is not asked any more." },
        new("ValidatePullThroughCacheRule", Structure(Prefix, EcrShapes.RegistryId), ValidateAsync) { Note = "Asks the upstream, with the credential." },
    ];

    private async ValueTask<JsonObject> CreateAsync(AwsCall call)
    {
        var (input, url) = (call.Input, call.Input.Text("upstreamRegistryUrl"));
        var name = EcrUpstreams.NameOf(url);
        var rule = new MadeRule(
            input.Text("ecrRepositoryPrefix"), url, input.TextOrNull("upstreamRegistry") ?? name, input.TextOrNull("credentialArn"), input.TextOrNull("customRoleArn"),
            input.TextOrNull("upstreamRepositoryPrefix"), call.Now, call.Now);
        if (CacheRuleBook.UpstreamOf(url) is null || (input.TextOrNull("upstreamRegistry") is { } said && name is not null && said != name))
        {
            throw EcrUpstreams.Invalid(url);
        }

        if (rule is { Key: RuleNames.Root, UpstreamPrefix: not (null or RuleNames.Root) })
        {
            throw new AwsErrorException(EcrShapes.Invalid(new("upstreamRepositoryPrefix", "it goes with a prefix other than ROOT alone")));
        }

        if (EcrUpstreams.NeedsCredential(name) && rule.CredentialArn is null)
        {
            throw new AwsErrorException(
                "UnsupportedUpstreamRegistryException", "The specified upstream registry requires authentication. Specify a valid Secrets Manager ARN and try again");
        }

        rule = rule with { IsSecretOfAws = await secrets.CheckAsync(call, rule.CredentialArn, url) };
        if ((await book.ListAsync()).Count >= CacheRuleBook.Most)
        {
            throw new AwsErrorException("LimitExceededException", $"There are {CacheRuleBook.Most} pull through cache rules already.");
        }

        if (rules.IsConfigured(rule.Key) || !await book.AddAsync(rule))
        {
            throw new AwsErrorException(
                "PullThroughCacheRuleAlreadyExistsException",
                $"The pull through cache rule with Amazon ECR repository prefix '{rule.Prefix}' already exists in the registry with id '{account}'");
        }

        return Describe(rule, created: true, updated: false, registry: true);
    }

    private async ValueTask<JsonObject> DescribeAsync(AwsCall call)
    {
        var page = AwsPage.Of(call.Input, without: "ecrRepositoryPrefixes");
        List<MadeRule> all = [.. (await book.ListAsync()).Concat(rules.All.Where(rule => rules.IsConfigured(rule.Prefix)).Select(Made)).OrderBy(rule => rule.Key, StringComparer.Ordinal)];
        if (call.Input.Has("ecrRepositoryPrefixes"))
        {
            var named = call.Input.Texts("ecrRepositoryPrefixes").Select(prefix => all.Find(rule => rule.Key == MadeRule.KeyOf(prefix)) ?? throw NotFound(prefix));
            return new() { ["pullThroughCacheRules"] = AwsJson.List([.. named.Select(rule => Describe(rule, created: true, updated: true, registry: true))]) };
        }

        var found = all.Where(rule => string.CompareOrdinal(rule.Key, page.After) > 0).Take(page.Limit + 1).ToList();
        return new JsonObject { ["pullThroughCacheRules"] = AwsJson.List(found.Take(page.Limit).Select(rule => Describe(rule, created: true, updated: true, registry: true))) }
            .With("nextToken", page.Next(found.Count, index => found[index].Key));
    }

    private async ValueTask<JsonObject> UpdateAsync(AwsCall call)
    {
        var rule = await GetAsync(call);
        var (credential, role) = (call.Input.TextOrNull("credentialArn"), call.Input.TextOrNull("customRoleArn"));
        if (credential is null && role is null)
        {
            throw new AwsErrorException(AwsError.InvalidParameter("Invalid input: Please set either credential arn or role arn to update the credentials"));
        }

        var isOfAws = await secrets.CheckAsync(call, credential, rule.Url);
        rule = rule with { IsSecretOfAws = credential is null ? rule.IsSecretOfAws : isOfAws, CredentialArn = credential ?? rule.CredentialArn, CustomRoleArn = role ?? rule.CustomRoleArn, UpdatedAt = call.Now };
        await book.PutAsync(rule);
        var answer = Describe(rule, created: false, updated: true, registry: false);
        answer.Remove("upstreamRegistryUrl");
        return answer;
    }

    private async ValueTask<JsonObject> DeleteAsync(AwsCall call)
    {
        var rule = await GetAsync(call);
        await book.DeleteAsync(rule, call.Now);
        return Describe(rule, created: true, updated: false, registry: false);
    }

    private async ValueTask<JsonObject> ValidateAsync(AwsCall call)
    {
        var prefix = call.Input.Text("ecrRepositoryPrefix");
        var used = rules.Find(MadeRule.KeyOf(prefix)) ?? throw NotFound(prefix);
        var rule = await book.FindAsync(prefix) ?? Made(used);
        var failure = await pulls.TryUpstreamAsync(used, Probe, call.Cancellation);
        var answer = Describe(rule, created: false, updated: false, registry: false).With("isValid", failure is null);
        return answer.With("failure", failure);
    }

    /// <summary>One that can be changed here.</summary>
    private async Task<MadeRule> GetAsync(AwsCall call)
    {
        var prefix = call.Input.Text("ecrRepositoryPrefix");
        return rules.IsConfigured(MadeRule.KeyOf(prefix)) ? throw new AwsErrorException(AwsError.InvalidParameter(Configured)) : await book.FindAsync(prefix) ?? throw NotFound(prefix);
    }

    private AwsErrorException NotFound(string prefix) => new(
        "PullThroughCacheRuleNotFoundException",
        $"The pull through cache rule with Amazon ECR repository prefix '{prefix}' does not exist in the registry with id '{account}'");

    /// <summary>A rule of the configuration as the API tells it.</summary>
    private static MadeRule Made(PullThroughRule rule)
    {
        var url = rule.Upstream.Scheme == Uri.UriSchemeHttps ? rule.Upstream.Authority : rule.Upstream.GetLeftPart(UriPartial.Authority);
        return new(rule.Prefix, url, EcrUpstreams.NameOf(url), rule.Credential?.SecretArn ?? rule.Credential?.AwsSecretArn, null, rule.UpstreamRepositoryPrefix, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch);
    }

    /// <summary>Each operation tells other members (ecr's model); what was not set is left out, the prefix at the upstream above all.</summary>
    private JsonObject Describe(MadeRule rule, bool created, bool updated, bool registry) => new JsonObject
    {
        ["ecrRepositoryPrefix"] = rule.Prefix,
        ["upstreamRegistryUrl"] = rule.Url,
        ["registryId"] = account,
    }
        .With("createdAt", created ? AwsJson.Time(rule.CreatedAt) : null)
        .With("updatedAt", updated ? AwsJson.Time(rule.UpdatedAt) : null)
        .With("upstreamRegistry", registry ? rule.Registry : null)
        .With("credentialArn", rule.CredentialArn)
        .With("customRoleArn", rule.CustomRoleArn)
        .With("upstreamRepositoryPrefix", rule.UpstreamPrefix);
}
