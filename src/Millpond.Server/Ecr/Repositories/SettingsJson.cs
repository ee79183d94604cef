using System.Text.Json.Nodes;
using Millpond.Server.Access;
using Millpond.Server.Ecr.Protocol;

namespace Millpond.Server.Ecr.Repositories;

/// <summary>Settings of repositories as ECR's members.</summary>
internal static class SettingsJson
{
    private static readonly string[] NeedingFilters = ["IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION"];

    extension(RepositorySettings settings)
    {
        /// <summary>With what an input says of the mutability of tags.</summary>
        public RepositorySettings WithMutability(AwsInput input)
        {
            var mutability = input.TextOrNull("imageTagMutability") ?? "MUTABLE";
            var filters = input.Objects("imageTagMutabilityExclusionFilters").Select(filter => filter.Text("filter")).ToList();
            if (NeedingFilters.Contains(mutability) != filters.Count > 0)
            {
                throw new AwsErrorException(EcrShapes.Invalid(new(
                    "imageTagMutabilityExclusionFilters", filters.Count > 0 ? $"exclusion filters go with {string.Join(" or ", NeedingFilters)} alone" : "Member must not be null")));
            }

            return settings with { Mutability = mutability, Exclusions = filters };
        }

        public JsonArray? ToFilters() => settings.Exclusions.Count == 0
            ? null
            : AwsJson.List(settings.Exclusions.Select(filter => new JsonObject { ["filterType"] = "WILDCARD", ["filter"] = filter }));

        public JsonObject ToEncryption() => new JsonObject { ["encryptionType"] = settings.EncryptionType }.With("kmsKey", settings.KmsKey);
    }
}
