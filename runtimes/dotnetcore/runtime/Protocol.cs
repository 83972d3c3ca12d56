// Lines of the fn protocol (../../PROTOCOL): bytes to objects and back.
//
// Nothing here knows a socket or a handler.

using System;
using System.Buffers;
using System.Collections;
using System.Collections.Generic;
using System.Text;
using Nuclio.Sdk;

namespace Fn;

/// <summary>nginx sent what PROTOCOL does not allow.</summary>
internal sealed class ProtocolException(string message) : Exception(message);

internal static class Protocol
{
    public const int EventLineMax = 262144; // bytes, PROTOCOL 3.3
    public const int DepthMax = 32; // PROTOCOL 3.3

    private const int HeaderLinesMax = 100; // PROTOCOL 6.1
    private const int HeaderNameMax = 256;
    private const int HeaderValueMax = 8192;
    private const int NameRoom = 256; // of an exception's class, of a member of "with"

    // RFC 9110 5.6.2
    private static readonly SearchValues<char> s_token = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    private static readonly SearchValues<byte> s_control = SearchValues.Create(
    [
        .. "\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\u0008\u000a\u000b\u000c\u000d"u8,
        .. "\u000e\u000f\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a"u8,
        .. "\u001b\u001c\u001d\u001e\u001f\u007f"u8,
    ]);

    /// <summary>PROTOCOL 2.2</summary>
    public static ReadOnlySpan<byte> Ready => "{\"type\":\"ready\",\"protocol\":1}\n"u8;

    /// <summary>The end of a stream, PROTOCOL 5.6.</summary>
    public static ReadOnlySpan<byte> End => "{\"type\":\"end\"}\n"u8;

    /// <summary>Whether a control line says stop, PROTOCOL 2.3.</summary>
    public static bool IsStop(ReadOnlySpan<byte> line) =>
        line.SequenceEqual("{\"type\":\"stop\"}"u8);

    /// <summary>What says on the control socket why there is no "ready", PROTOCOL 2.2.</summary>
    public static ReadOnlySpan<byte> Refusal(Exception exception)
    {
        var line = new Line();
        line.Raw("{\"type\":\"error\",\"error\":"u8).Text(exception.GetType().Name, NameRoom);
        line.Raw(",\"message\":"u8).Text(exception.Message, 2048).Raw("}\n"u8);
        return line.Written;
    }

    /// <summary>PROTOCOL 5.7</summary>
    public static void Expired(Line line, string id) =>
        line.Raw("{\"type\":\"expired\",\"id\":\""u8).Ascii(id).Raw("\"}\n"u8);

    /// <summary>The head of a chunk, PROTOCOL 5.6.</summary>
    public static void Chunk(Line line, int length) =>
        line.Raw("{\"type\":\"chunk\",\"length\":"u8).Number(length).Raw("}\n"u8);

    /// <summary>The beginning of a response, up to its headers, PROTOCOL 5.3.</summary>
    public static void Response(Line line, string id, int status)
    {
        if (status is < 200 or > 599)
        {
            throw new ArgumentException($"status code must be from 200 to 599, not {status}");
        }
        line.Raw("{\"type\":\"response\",\"id\":\""u8).Ascii(id);
        line.Raw("\",\"status\":"u8).Number(status);
    }

    /// <summary>The headers of a response; contentType is the first of them (PROTOCOL 6).</summary>
    public static void Headers(
        Line line, string contentType, IEnumerable<KeyValuePair<string, object?>>? headers)
    {
        line.Raw(",\"headers\":{\"Content-Type\":"u8);
        var count = 0;
        Value(line, "Content-Type", contentType, ref count);
        foreach (var (name, value) in headers ?? [])
        {
            if (value is null || IsContentType(name))
            {
                continue;
            }
            if (name.Length is 0 or > HeaderNameMax || name.AsSpan().ContainsAnyExcept(s_token))
            {
                throw new ArgumentException($"invalid header name \"{name}\"");
            }
            line.Raw(",\""u8).Ascii(name).Raw("\":"u8);
            Value(line, name, value, ref count);
        }
        line.Raw("}"u8);
        if (count > HeaderLinesMax)
        {
            throw new ArgumentException($"more than {HeaderLinesMax} header lines");
        }
    }

    public static bool IsContentType(string name) =>
        name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase);

    private static void Value(Line line, string name, object? value, ref int count)
    {
        if (value is IEnumerable list and not (string or byte[]))
        {
            line.Raw("["u8);
            var first = true;
            foreach (var one in list)
            {
                if (one is IEnumerable and not (string or byte[]))
                {
                    throw new ArgumentException($"invalid value of header {name}: a list of lists");
                }
                line.Raw(first ? ""u8 : ","u8);
                first = false;
                Value(line, name, one, ref count);
            }
            line.Raw("]"u8);
            return;
        }
        count++;
        var bytes = value switch
        {
            string text => Encoding.UTF8.GetBytes(text),
            byte[] given => given,
            bool truth => Encoding.UTF8.GetBytes(truth ? "true" : "false"),
            IFormattable number => Encoding.UTF8.GetBytes(number.ToString(null, null)),
            _ => throw new ArgumentException(
                $"header {name} must be a string, not {value ?? "null"}"),
        };
        if (bytes.Length > HeaderValueMax || bytes.AsSpan().ContainsAny(s_control))
        {
            throw new ArgumentException($"invalid value of header {name}");
        }
        line.Bytes(bytes);
    }

    /// <summary>
    /// The end of the head: how the body comes ("body_length" or "stream") and the duration in
    /// microseconds.
    /// </summary>
    public static void Body(Line line, long? length, long duration)
    {
        if (length is { } known)
        {
            line.Raw(",\"body_length\":"u8).Number(known);
        }
        else
        {
            line.Raw(",\"stream\":true"u8);
        }
        line.Raw(",\"duration_us\":"u8).Number(duration).Raw("}\n"u8);
    }

    /// <summary>PROTOCOL 5.8, shortened to lineMax bytes.</summary>
    public static void Error(
        Line line, string id, string name, string message, string stack, long duration, int lineMax)
    {
        var start = line.Length;
        line.Raw("{\"type\":\"error\",\"id\":\""u8).Ascii(id);
        line.Raw("\",\"error\":"u8).Text(name, NameRoom);
        line.Raw(",\"duration_us\":"u8).Number(duration).Raw(",\"message\":"u8);
        var room = lineMax - (line.Length - start) - ",\"stack\":}\n".Length;
        line.Text(message, room / 2).Raw(",\"stack\":"u8);
        line.Text(stack, lineMax - (line.Length - start) - "}\n".Length).Raw("}\n"u8);
    }

    /// <summary>PROTOCOL 5.2, shortened to lineMax bytes.</summary>
    public static void Log(
        Line line, LogLevel level, string message, Dictionary<string, object?>? with, int lineMax)
    {
        line.Raw("{\"type\":\"log\",\"level\":\""u8).Ascii(Name(level)).Raw("\",\"message\":"u8);
        var room = lineMax - line.Length - ",\"with\":{}}\n".Length;
        line.Text(message, room / 2);
        if (with is { Count: > 0 })
        {
            line.Raw(",\"with\":{"u8);
            Plain.Members(line, with, lineMax - "}}\n".Length);
            line.Raw("}"u8);
        }
        line.Raw("}\n"u8);
    }

    public static string Name(LogLevel level) => level switch
    {
        LogLevel.Debug => "debug",
        LogLevel.Info => "info",
        LogLevel.Warn => "warn",
        _ => "error",
    };
}
