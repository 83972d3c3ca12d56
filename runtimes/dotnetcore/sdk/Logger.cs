// Records of handlers: nuclio's Logger.

using System;
using System.Collections.Generic;

namespace Nuclio.Sdk;

/// <summary>
/// Writes records to nginx's error log.  The first four methods format like string.Format; the
/// "With" ones take names and values in turn.
/// </summary>
public class Logger
{
    // how records get out: level, message and what is with them
    internal Action<LogLevel, string, Dictionary<string, object>> Sink = Print;

    // whether a record of this level gets out at all
    internal Func<LogLevel, bool> Wanted = static level => true;

    /// <summary>Logs at level error.</summary>
    public void Error(string format, params object[] args) => Log(LogLevel.Error, format, args);

    /// <summary>Logs at level warn.</summary>
    public void Warning(string format, params object[] args) => Log(LogLevel.Warn, format, args);

    /// <summary>Logs at level info.</summary>
    public void Info(string format, params object[] args) => Log(LogLevel.Info, format, args);

    /// <summary>Logs at level debug.</summary>
    public void Debug(string format, params object[] args) => Log(LogLevel.Debug, format, args);

    /// <summary>ErrorWith("bad request", "error", "not found", "time", 7)</summary>
    public void ErrorWith(string message, params object[] parameters) =>
        LogWith(LogLevel.Error, message, parameters);

    /// <summary>WarnWith("overload", "used", 0.9)</summary>
    public void WarnWith(string message, params object[] parameters) =>
        LogWith(LogLevel.Warn, message, parameters);

    /// <summary>InfoWith("done", "count", 9009)</summary>
    public void InfoWith(string message, params object[] parameters) =>
        LogWith(LogLevel.Info, message, parameters);

    /// <summary>DebugWith("event", "size", 2339)</summary>
    public void DebugWith(string message, params object[] parameters) =>
        LogWith(LogLevel.Debug, message, parameters);

    private void Log(LogLevel level, string format, object[] args)
    {
        if (Wanted(level))
        {
            Sink(level, Format(format, args), null);
        }
    }

    private void LogWith(LogLevel level, string message, object[] parameters)
    {
        if (!Wanted(level))
        {
            return;
        }
        parameters ??= [];
        var with = new Dictionary<string, object>(parameters.Length / 2);
        for (var i = 0; i + 1 < parameters.Length; i += 2)
        {
            with[parameters[i]?.ToString() ?? ""] = parameters[i + 1];
        }
        if (parameters.Length % 2 != 0)
        {
            with["value"] = parameters[^1]; // nuclio drops them all
        }
        Sink(level, message ?? "", with);
    }

    private static string Format(string format, object[] args)
    {
        format ??= "";
        if (args is null || args.Length == 0)
        {
            return format; // braces of JSON are no mistake
        }
        try
        {
            return string.Format(format, args);
        }
        catch (FormatException)
        {
            return $"{format} {string.Join(' ', args)}";
        }
    }

    private static void Print(LogLevel level, string message, Dictionary<string, object> with)
    {
        var line = $"{level.ToString().ToLowerInvariant()} {message}";
        foreach (var (name, value) in with ?? [])
        {
            line += $" {name}={value}";
        }
        Console.Error.WriteLine(line);
    }
}

internal enum LogLevel
{
    Debug,
    Info,
    Warn,
    Error,
}
