// Where the records of an event go: its connection, as long as it runs.

using System;
using System.Collections.Generic;
using System.Text;
using System.Threading;
using Nuclio.Sdk;

namespace Fn;

/// <summary>One for each event; threads and tasks that it starts find it.</summary>
internal sealed class Channel(Connection connection, LogLevel level, int lineMax)
{
    private const int Piece = 1024; // characters of a record: nginx shows no more than 1800

    private static readonly AsyncLocal<Channel?> s_current = new();

    private readonly StringBuilder?[] _unfinished = new StringBuilder?[2]; // lines as printed yet
    private bool _closed;

    /// <summary>The channel of the event that is running here, if one is.</summary>
    public static Channel? Current
    {
        get => s_current.Value;
        set => s_current.Value = value;
    }

    /// <summary>A logger whose records belong to the event in which they are made.</summary>
    public static Logger Logger(LogLevel level) => new()
    {
        Wanted = one => one >= (Current?.Level ?? level),
        Sink = (one, message, with) =>
        {
            if (Current?.Log(one, message, with) != true)
            {
                Print(one, message, with);
            }
        },
    };

    private LogLevel Level { get; } = level;

    // false: the event is over
    private bool Log(LogLevel one, string message, Dictionary<string, object?>? with)
    {
        var line = new Line();
        Protocol.Log(line, one, message, with, lineMax);
        lock (this)
        {
            return !_closed && connection.Write(line.Written);
        }
    }

    /// <summary>
    /// What the handler prints on descriptor 1 or 2: a record for each line (PROTOCOL 7.3).
    /// </summary>
    /// <returns>false: the event is over</returns>
    public bool Print(int fd, ReadOnlySpan<char> text)
    {
        lock (this)
        {
            if (_closed)
            {
                return false;
            }
            var unfinished = _unfinished[fd - 1] ??= new StringBuilder();
            while (text.IndexOf('\n') is var end and not -1)
            {
                unfinished.Append(text[..end]);
                Flush(fd);
                text = text[(end + 1)..];
            }
            unfinished.Append(text);
            if (unfinished.Length > 4 * Piece)
            {
                Flush(fd);
            }
            return true;
        }
    }

    // the line that was printed, in pieces
    private void Flush(int fd)
    {
        var text = _unfinished[fd - 1]!.ToString().TrimEnd('\r');
        var one = fd == 1 ? LogLevel.Info : LogLevel.Error;
        _unfinished[fd - 1]!.Clear();
        if (one < Level)
        {
            return;
        }
        var size = Ascii.IsValid(text) ? Piece : Piece / 4;
        var start = 0;
        do
        {
            var end = Math.Min(start + size, text.Length);
            if (end < text.Length && char.IsHighSurrogate(text[end - 1]))
            {
                end--;
            }
            Log(one, text[start..end], null);
            start = end;
        }
        while (start < text.Length);
    }

    /// <summary>The event is over: nothing is sent from now on but its reply.</summary>
    public void Close()
    {
        lock (this)
        {
            for (var fd = 1; fd <= 2; fd++)
            {
                if (_unfinished[fd - 1] is { Length: > 0 })
                {
                    Flush(fd);
                }
            }
            _closed = true;
        }
    }

    /// <summary>A record outside of any event: a line on standard error.</summary>
    public static void Print(LogLevel level, string message, Dictionary<string, object?>? with)
    {
        var line = new Line();
        line.Ascii(Protocol.Name(level)).Raw(" "u8).Utf8(message.Replace("\n", "\\n"));
        if (with is { Count: > 0 })
        {
            line.Raw(" {"u8);
            Plain.Members(line, with, Settings.LineMaxDefault);
            line.Raw("}"u8);
        }
        Output.Write(2, line.Raw("\n"u8).Written);
    }
}
