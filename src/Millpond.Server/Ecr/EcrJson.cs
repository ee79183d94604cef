using System.Text.Json.Serialization;
using Millpond.Server.Ecr.CacheRules;
using Millpond.Server.Ecr.Secrets;

namespace Millpond.Server.Ecr;

/// <summary>What is kept as JSON of rules and secrets.</summary>
[JsonSerializable(typeof(MadeRule))]
[JsonSerializable(typeof(SecretDetails))]
internal sealed partial class EcrJson : JsonSerializerContext;
