// nuclio's helper for JSON, on System.Text.Json.

using System.Text.Json;

namespace Nuclio.Sdk;

/// <summary>JSON of values of T and back.</summary>
public static class NuclioSerializationHelpers<T>
{
    /// <summary>The value of a JSON text.</summary>
    public static T Deserialize(string str) => JsonSerializer.Deserialize<T>(str);

    /// <summary>The value as a JSON text.</summary>
    public static string Serialize(T obj) => JsonSerializer.Serialize(obj);
}
