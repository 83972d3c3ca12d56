// The line of an event (PROTOCOL 4.1): what is needed at once is read, the rest when asked for.

using System;
using System.Buffers;
using System.Collections.Generic;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Nuclio.Sdk;

namespace Fn;

internal sealed class EventLine : IEventSource
{
    private static readonly SearchValues<char> s_id = SearchValues.Create(
        "0123456789-_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    private static readonly UTF8Encoding s_strict = new(false, true);

    private readonly byte[] _line;
    private readonly bool _plain; // no escapes, nothing but ASCII
    private Range _method;
    private Range _path;
    private Range _query;
    private Range _headers;
    private Range _timestamp;
    private Range _remoteAddr;
    private Range _trigger;

    private EventLine(byte[] line)
    {
        _line = line;
        _plain = Ascii.IsValid(line) && !line.AsSpan().Contains((byte)'\\');
    }

    public string Id { get; private set; } = "";

    public long BodyLength { get; private set; }

    /// <summary>CLOCK_MONOTONIC in milliseconds, or -1 (PROTOCOL 4.3).</summary>
    public long StartBy { get; private set; } = -1;

    /// <summary>null: FN_LOG_LEVEL's</summary>
    public LogLevel? LogLevel { get; private set; }

    public string Method => Bytes(_method);

    public string Path => Bytes(_path);

    /// <summary>The query as sent, one character a byte.</summary>
    public string Query => Latin(_query);

    public string RemoteAddr => Bytes(_remoteAddr);

    /// <summary>Seconds since the epoch.</summary>
    public double Seconds => Empty(_timestamp) ? 0 : double.Parse(_line.AsSpan(_timestamp));

    public DateTime Timestamp => DateTime.UnixEpoch.AddMilliseconds(Math.Round(Seconds * 1000));

    public Dictionary<string, object> Fields => Arguments.Read(Query);

    /// <summary>The event whose line this is.</summary>
    public Event Event(byte[] body) =>
        new() { Id = Id, Body = body, Size = body.Length, Source = this };

    // Reading

    /// <exception cref="ProtocolException">It is no event.</exception>
    public static EventLine Read(ReadOnlySpan<byte> bytes)
    {
        var line = new EventLine(bytes.ToArray());
        try
        {
            line.Read();
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new ProtocolException($"invalid event: {exception.Message}");
        }
        return line;
    }

    private void Read()
    {
        Require(_plain || Utf8.IsValid(_line), "not UTF-8");
        var reader = Reader(..);
        reader.Read();
        Require(reader.TokenType == JsonTokenType.StartObject, "not an object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            Field(ref reader);
        }
        Require(!reader.Read(), "bytes behind the object");
        Require(Id.Length is > 0 and <= 64 && !Id.AsSpan().ContainsAnyExcept(s_id), "id");
        Require(!_method.Equals(default), "method");
        Require(!_path.Equals(default), "path");
    }

    private void Field(ref Utf8JsonReader reader)
    {
        var name = reader.ValueSpan;
        if (reader.ValueIsEscaped)
        {
            name = Encoding.UTF8.GetBytes(reader.GetString()!);
        }
        reader.Read();
        if (name.SequenceEqual("headers"u8))
        {
            _headers = Headers(ref reader);
        }
        else if (name.SequenceEqual("id"u8))
        {
            Require(reader.TokenType == JsonTokenType.String, "id");
            Id = reader.GetString()!;
        }
        else if (name.SequenceEqual("method"u8))
        {
            _method = ByteString(ref reader);
        }
        else if (name.SequenceEqual("path"u8))
        {
            _path = ByteString(ref reader);
        }
        else if (name.SequenceEqual("query"u8))
        {
            _query = ByteString(ref reader);
        }
        else if (name.SequenceEqual("remote_addr"u8))
        {
            _remoteAddr = ByteString(ref reader);
        }
        else
        {
            RareField(ref reader, name);
        }
    }

    private void RareField(ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        if (name.SequenceEqual("timestamp"u8))
        {
            Require(reader.TokenType == JsonTokenType.Number, "timestamp");
            _timestamp = Token(ref reader);
        }
        else if (name.SequenceEqual("trigger"u8))
        {
            Require(reader.TokenType == JsonTokenType.StartObject, "trigger");
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            _trigger = start..(int)reader.BytesConsumed;
        }
        else if (name.SequenceEqual("body_length"u8))
        {
            BodyLength = Count(ref reader, "body_length");
        }
        else if (name.SequenceEqual("start_by"u8))
        {
            StartBy = Count(ref reader, "start_by");
        }
        else if (name.SequenceEqual("log_level"u8))
        {
            LogLevel = Settings.Level(reader.GetString());
        }
        else
        {
            Require(!name.SequenceEqual("type"u8), "type");
            reader.Skip();
        }
    }

    private static long Count(ref Utf8JsonReader reader, string name)
    {
        var value = 0L;
        Require(
            reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out value) && value >= 0,
            name);
        return value;
    }

    private Range Headers(ref Utf8JsonReader reader)
    {
        Require(reader.TokenType == JsonTokenType.StartObject, "headers");
        var start = (int)reader.TokenStartIndex;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            if (reader.TokenType == JsonTokenType.StartArray)
            {
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    ByteString(ref reader);
                }
            }
            else
            {
                ByteString(ref reader); // a name, or the one value
            }
        }
        return start..(int)reader.BytesConsumed;
    }

    // the range of a string whose characters are bytes (3.5)
    private Range ByteString(ref Utf8JsonReader reader)
    {
        Require(reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName, "a string");
        Require(
            _plain || !reader.GetString().AsSpan().ContainsAnyExceptInRange('\0', '\xff'),
            "a byte string");
        return Token(ref reader);
    }

    private static Range Token(ref Utf8JsonReader reader) =>
        (int)reader.TokenStartIndex..(int)reader.BytesConsumed;

    private static void Require(bool holds, string what)
    {
        if (!holds)
        {
            throw new ProtocolException($"invalid event: {what}");
        }
    }

    // What is asked for later

    Dictionary<string, object> IEventSource.Headers
    {
        get
        {
            var headers = new Dictionary<string, object>(StringComparer.OrdinalIgnoreCase);
            foreach (var (name, values) in HeaderLines())
            {
                headers[name] = values.Length == 1 ? values[0] : values;
            }
            return headers;
        }
    }

    public string ContentType
    {
        get
        {
            foreach (var (name, values) in HeaderLines("Content-Type"))
            {
                return values[^1];
            }
            return "";
        }
    }

    public Trigger Trigger
    {
        get
        {
            var trigger = new Trigger { Kind = "http", Name = "" };
            var reader = Reader(_trigger);
            while (!Empty(_trigger) && reader.Read())
            {
                if (reader.TokenType != JsonTokenType.PropertyName)
                {
                    continue;
                }
                var name = reader.GetString();
                reader.Read();
                if (reader.TokenType == JsonTokenType.String && name is "kind" or "name")
                {
                    var text = reader.GetString()!;
                    _ = name == "kind" ? trigger.Kind = text : trigger.Name = text;
                }
                reader.Skip();
            }
            return trigger;
        }
    }

    // the names and values, all of them or those of one name
    private List<(string Name, string[] Values)> HeaderLines(string? wanted = null)
    {
        var lines = new List<(string, string[])>();
        if (Empty(_headers))
        {
            return lines;
        }
        var reader = Reader(_headers);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var skipped = wanted is not null && !reader.ValueTextEquals(wanted);
            var name = skipped ? "" : Text(ref reader);
            reader.Read();
            if (skipped)
            {
                reader.Skip();
            }
            else
            {
                lines.Add((name, Values(ref reader)));
            }
        }
        return lines;
    }

    private string[] Values(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return [Text(ref reader)];
        }
        var values = new List<string>();
        while (reader.Read() && reader.TokenType == JsonTokenType.String)
        {
            values.Add(Text(ref reader));
        }
        return values.Count > 0 ? [.. values] : [""];
    }

    private Utf8JsonReader Reader(Range range) =>
        new(_line.AsSpan(range), new JsonReaderOptions { MaxDepth = Protocol.DepthMax });

    private static bool Empty(Range range) => range.Equals(default);

    private string Text(ref Utf8JsonReader reader) =>
        _plain ? Encoding.ASCII.GetString(reader.ValueSpan) : Decoded(reader.GetString()!);

    private string Bytes(Range range) => _plain ? Latin(range) : Decoded(Latin(range));

    private string Latin(Range range)
    {
        if (Empty(range))
        {
            return "";
        }
        if (_plain)
        {
            return Encoding.ASCII.GetString(_line.AsSpan(range)[1..^1]);
        }
        var reader = Reader(range);
        reader.Read();
        return reader.GetString()!;
    }

    /// <summary>A byte string as text: UTF-8, or Latin-1 when it isn't.</summary>
    public static string Decoded(string text)
    {
        if (Ascii.IsValid(text))
        {
            return text;
        }
        try
        {
            return s_strict.GetString(Encoding.Latin1.GetBytes(text));
        }
        catch (DecoderFallbackException)
        {
            return text;
        }
    }
}
