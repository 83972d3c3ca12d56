// What the process is told, PROTOCOL 1.2.

using System;
using Nuclio.Sdk;

namespace Fn;

/// <summary>The FN_* variables.</summary>
internal sealed class Settings
{
    public const int LineMaxDefault = 16384;

    public Settings(Func<string, string?> variable)
    {
        var protocol = variable("FN_PROTOCOL");
        if (protocol is not (null or "1"))
        {
            throw new InvalidOperationException($"unknown protocol \"{protocol}\"");
        }
        Target = variable("FN_TARGET") ?? "";
        Entry = variable("FN_ENTRY") ?? "";
        Name = variable("FN_NAME") ?? "";
        Slot = Text("FN_SLOT") ?? "0";
        LogLevel = Level(Text("FN_LOG_LEVEL")) ?? LogLevel.Info;
        Concurrency = int.Parse(Text("FN_CONCURRENCY") ?? "1");
        LineMax = int.Parse(Text("FN_LINE_MAX") ?? $"{LineMaxDefault}");
        Cache = Text("FN_CACHE");
        Call = Text("FN_CALL");

        string? Text(string name) => variable(name) is { Length: > 0 } text ? text : null;
    }

    public string Target { get; }

    public string Entry { get; }

    public string Name { get; }

    public string Slot { get; }

    public LogLevel LogLevel { get; }

    /// <summary>Events at the same time.</summary>
    public int Concurrency { get; }

    /// <summary>The longest line nginx reads, in bytes.</summary>
    public int LineMax { get; }

    /// <summary>The directory of what was compiled; null: the default.</summary>
    public string? Cache { get; }

    /// <summary>Where functions are called (1.4), or null.</summary>
    public string? Call { get; }

    /// <summary>null when it isn't the name of one</summary>
    public static LogLevel? Level(string? name) => name switch
    {
        "debug" => LogLevel.Debug,
        "info" => LogLevel.Info,
        "warn" => LogLevel.Warn,
        "error" => LogLevel.Error,
        _ => null,
    };
}
