using System.Text.Json.Serialization;

namespace Millpond.Server.Access;

/// <summary>What is kept as JSON of repositories and robots.</summary>
[JsonSerializable(typeof(RepositorySettings))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, string>))]
[JsonSerializable(typeof(Dictionary<string, string>))]
[JsonSerializable(typeof(string[]))]
internal sealed partial class AccessJson : JsonSerializerContext;
