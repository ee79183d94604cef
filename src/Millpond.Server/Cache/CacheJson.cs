using System.Text.Json.Serialization;

namespace Millpond.Server.Cache;

[JsonSerializable(typeof(string[]))]
internal sealed partial class CacheJson : JsonSerializerContext;
