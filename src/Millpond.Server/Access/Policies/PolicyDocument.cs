using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Millpond.Server.Access.Policies;

/// <summary>What a policy hangs on, and with it what its statements must say.</summary>
public enum PolicyKind
{
    /// <summary>On a principal: actions and resources.</summary>
    Identity,

    /// <summary>On a repository: principals and actions; without a resource it means the repository.</summary>
    Repository,

    /// <summary>On the registry: principals, actions and resources.</summary>
    Registry,
}

/// <summary>A policy in IAM's language, read.</summary>
public sealed record PolicyDocument(ImmutableArray<PolicyStatement> Statements)
{
    private const int MostStatements = 500;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    /// <summary>Whether a condition looks at the tags of the resource, which then must be loaded.</summary>
    public bool LooksAtResourceTags { get; } = Statements.Any(statement => statement.Conditions.Any(condition =>
        condition.Key.Contains("ResourceTag/", StringComparison.OrdinalIgnoreCase)));

    /// <summary>In place of a policy that was stored and is not understood: what it may have denied, whoever was meant, is denied.</summary>
    internal static PolicyDocument Nothing { get; } = new([new() { IsDeny = true, Actions = ["*"], Resources = ["*"] }]);

    /// <param name="why">What is wrong, for people.</param>
    public static bool TryParse(string text, PolicyKind kind, [NotNullWhen(true)] out PolicyDocument? policy, out string why)
    {
        policy = null;
        try
        {
            using var json = JsonDocument.Parse(text, Strict);
            policy = new Reader(kind).Read(json.RootElement);
            why = "";
            return true;
        }
        catch (JsonException)
        {
            why = "it is not JSON, or names something twice";
            return false;
        }
        catch (FormatException wrong)
        {
            why = wrong.Message;
            return false;
        }
    }

    /// <summary>Reads one document; what is wrong is thrown as a <see cref="FormatException"/> and caught above.</summary>
    private sealed class Reader(PolicyKind kind)
    {
        public PolicyDocument Read(JsonElement root)
        {
            CheckNames(root, "the policy", "Version", "Id", "Statement");
            if (root.TryGetProperty("Version", out var version) && Text(version, "Version") is not ("2012-10-17" or "2008-10-17"))
            {
                throw new FormatException("its Version is neither 2012-10-17 nor 2008-10-17");
            }

            if (!root.TryGetProperty("Statement", out var statements))
            {
                throw new FormatException("it has no Statement");
            }

            JsonElement[] list = statements.ValueKind == JsonValueKind.Array ? [.. statements.EnumerateArray()] : [statements];
            return list.Length is 0 or > MostStatements
                ? throw new FormatException($"it has {(list.Length == 0 ? "no" : "too many")} statements")
                : new([.. list.Select(ReadStatement)]);
        }

        private PolicyStatement ReadStatement(JsonElement statement)
        {
            CheckNames(
                statement, "a statement", "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition");
            var effect = statement.TryGetProperty("Effect", out var written) ? Text(written, "Effect") : "";
            if (effect is not ("Allow" or "Deny"))
            {
                throw new FormatException("a statement's Effect is neither Allow nor Deny");
            }

            var (actions, isNotActions) = Either(statement, "Action", Texts);
            var (resources, isNotResources) = Either(statement, "Resource", Texts);
            var (principals, isNotPrincipals) = Either(statement, "Principal", Principals);
            Check(actions, resources, principals);
            return new()
            {
                IsDeny = effect == "Deny",
                Actions = actions ?? [],
                IsNotActions = isNotActions,
                Resources = resources ?? [],
                IsNotResources = isNotResources,
                Principals = principals,
                IsNotPrincipals = isNotPrincipals,
                Conditions = statement.TryGetProperty("Condition", out var conditions) ? [.. ReadConditions(conditions)] : [],
            };
        }

        private void Check(ImmutableArray<string>? actions, ImmutableArray<string>? resources, ImmutableArray<string>? principals)
        {
            if (actions is null or { IsEmpty: true })
            {
                throw new FormatException("a statement has no Action");
            }

            if (actions.Value.Any(action => action != "*" && !action.Contains(':', StringComparison.Ordinal)))
            {
                throw new FormatException("an Action has no service before a colon");
            }

            if ((principals is null) == (kind != PolicyKind.Identity))
            {
                throw new FormatException(kind == PolicyKind.Identity ? "a statement of a principal's own policy names a Principal" : "a statement has no Principal");
            }

            if (resources is null or { IsEmpty: true } && kind != PolicyKind.Repository)
            {
                throw new FormatException("a statement has no Resource");
            }

            if (resources?.Any(resource => resource.Contains("${", StringComparison.Ordinal)) == true)
            {
                throw new FormatException("it has policy variables (${…}), which are not known here");
            }
        }

        private static (ImmutableArray<string>? Values, bool IsNot) Either(JsonElement statement, string name, Func<JsonElement, string, ImmutableArray<string>> read)
        {
            var has = statement.TryGetProperty(name, out var plain);
            var hasNot = statement.TryGetProperty("Not" + name, out var negated);
            return (has, hasNot) switch
            {
                (true, true) => throw new FormatException($"a statement has both {name} and Not{name}"),
                (true, false) => (read(plain, name), false),
                (false, true) => (read(negated, "Not" + name), true),
                _ => (null, false),
            };
        }

        private static ImmutableArray<string> Texts(JsonElement element, string name) =>
            element.ValueKind == JsonValueKind.Array ? [.. element.EnumerateArray().Select(item => Text(item, name))] : [Text(element, name)];

        private static ImmutableArray<string> Principals(JsonElement element, string name)
        {
            if (element.ValueKind != JsonValueKind.Object)
            {
                return Text(element, name) == "*" ? ["*"] : throw new FormatException($"{name} is neither * nor an object");
            }

            var found = new List<string>();
            foreach (var kind in element.EnumerateObject())
            {
                found.AddRange(kind.Name switch
                {
                    "AWS" => Texts(kind.Value, kind.Name).Select(Known),

                    // Services of AWS do not come here, so that what is theirs is nobody's.
                    "Service" or "Federated" or "CanonicalUser" => Texts(kind.Value, kind.Name).Select(text => $"{kind.Name}:{text}"),
                    _ => throw new FormatException("a Principal is neither AWS nor a Service"),
                });
            }

            return [.. found];
        }

        private static string Known(string principal) =>
            principal == "*" || (principal.Length == 12 && principal.All(char.IsAsciiDigit)) || PrincipalArn.TryParse(principal, out _)
                ? principal
                : throw new FormatException("a Principal is neither *, an account, nor the ARN of a root, user, role or session");

        private static IEnumerable<PolicyCondition> ReadConditions(JsonElement conditions)
        {
            if (conditions.ValueKind != JsonValueKind.Object)
            {
                throw new FormatException("a Condition is no object");
            }

            foreach (var comparison in conditions.EnumerateObject())
            {
                if (comparison.Value.ValueKind != JsonValueKind.Object)
                {
                    throw new FormatException("an operator of a Condition is no object");
                }

                foreach (var key in comparison.Value.EnumerateObject())
                {
                    var condition = PolicyCondition.Of(comparison.Name, key.Name, Values(key.Value));
                    yield return condition.WhyUnusable is { } why ? throw new FormatException(why) : condition;
                }
            }
        }

        private static ImmutableArray<string> Values(JsonElement element)
        {
            JsonElement[] items = element.ValueKind == JsonValueKind.Array ? [.. element.EnumerateArray()] : [element];
            return [.. items.Select(item => item.ValueKind switch
            {
                JsonValueKind.True => "true",
                JsonValueKind.False => "false",
                JsonValueKind.Number => item.GetRawText(),
                _ => Text(item, "Condition"),
            })];
        }

        private static string Text(JsonElement element, string name) =>
            element.ValueKind == JsonValueKind.String && element.GetString() is { Length: > 0 } text ? text : throw new FormatException($"{name} holds what is no text");

        private static void CheckNames(JsonElement element, string what, params ReadOnlySpan<string> known)
        {
            if (element.ValueKind != JsonValueKind.Object)
            {
                throw new FormatException($"{what} is no object");
            }

            foreach (var property in element.EnumerateObject())
            {
                if (!known.Contains(property.Name))
                {
                    throw new FormatException($"{what} has an element that is not known");
                }
            }
        }
    }
}
