// The event cases of ../../vectors, through the code that reads from a socket.

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Fn.Tests;

internal static class Vectors
{
    public static void Add(List<(string Name, Action Run)> tests, string directory)
    {
        var cases = Directory.GetFiles(directory, "event", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal).ToList();
        tests.Add(("vectors: there are some", () => Check.True(cases.Count > 20, $"{cases.Count}")));
        foreach (var file in cases)
        {
            var name = Path.GetRelativePath(directory, Path.GetDirectoryName(file)!);
            var data = File.ReadAllBytes(file);
            var each = data.Length < 4096 ? 1 : 1009;
            tests.Add(($"{name}: whole", () => Compare(file, data, Math.Max(data.Length, 1))));
            tests.Add(($"{name}: halves", () => Compare(file, data, (data.Length / 2) + 1)));
            tests.Add(($"{name}: byte by byte", () => Compare(file, data, each)));
        }
    }

    private static void Compare(string file, byte[] data, int piece)
    {
        var expect = JsonNode.Parse(
            File.ReadAllText(Path.Combine(Path.GetDirectoryName(file)!, "expect")));
        if (expect!["headers"] is JsonObject headers)
        {
            expect["path"] = Text(expect["path"]!);
            expect["headers"] = new JsonObject(headers.Select(one => KeyValuePair.Create(
                EventLine.Decoded(one.Key),
                one.Value is JsonArray several
                    ? several.Count == 1 ? Text(several[0]!) : Array(several.Select(each => Text(each!)))
                    : (JsonNode?)Text(one.Value!))));
        }
        var came = Seen(data, piece);
        Check.True(JsonNode.DeepEquals(came, expect), $"expected {expect}, came {came}");
    }

    // what a runtime sees of data that comes in pieces, in the form of "expect"
    private static JsonObject Seen(byte[] data, int piece)
    {
        var (theirs, ours) = Pair();
        using (theirs)
        using (ours)
        {
            var connection = new Connection((int)ours.Handle);
            var buffer = new byte[65536];
            Nuclio.Sdk.Event? received = null;
            var gone = false;
            try
            {
                for (var start = 0; start < data.Length && received is null; start += piece)
                {
                    Send(theirs, connection, data.AsSpan(start, Math.Min(piece, data.Length - start)),
                        buffer, ref received, ref gone);
                }
                theirs.Shutdown(SocketShutdown.Send);
                while (received is null && !gone)
                {
                    received = connection.Receive(buffer, out gone);
                }
            }
            catch (ProtocolException)
            {
                return new JsonObject { ["invalid"] = true };
            }
            return received is null ? new JsonObject { ["incomplete"] = true } : Facts(received);
        }
    }

    // more than a socket holds is read meanwhile
    private static void Send(
        Socket theirs, Connection connection, ReadOnlySpan<byte> data, byte[] buffer,
        ref Nuclio.Sdk.Event? received, ref bool gone)
    {
        theirs.Blocking = false;
        do
        {
            var size = theirs.Send(data, SocketFlags.None, out var error);
            Check.True(error is SocketError.Success or SocketError.WouldBlock, $"{error}");
            data = data[(error == SocketError.Success ? size : 0)..];
            received = connection.Receive(buffer, out gone);
        }
        while (data.Length > 0 && received is null && !gone);
    }

    private static JsonObject Facts(Nuclio.Sdk.Event received)
    {
        var line = (EventLine)received.Source;
        var trigger = received.Trigger;
        var facts = new JsonObject
        {
            ["id"] = line.Id,
            ["method"] = line.Method,
            ["path"] = line.Path,
            ["query"] = line.Query,
            ["headers"] = Headers(received),
            ["timestamp"] = Number(line.Seconds),
            ["remote_addr"] = line.RemoteAddr,
            ["trigger"] = new JsonObject { ["kind"] = trigger.Kind, ["name"] = trigger.Name },
            ["start_by"] = Math.Max(line.StartBy, 0),
            ["body"] = Encoding.Latin1.GetString(received.Body),
        };
        if (line.LogLevel is { } level)
        {
            facts["log_level"] = Protocol.Name(level);
        }
        return facts;
    }

    private static JsonObject Headers(Nuclio.Sdk.Event received) =>
        new(received.Headers.Select(one => KeyValuePair.Create(
            one.Key,
            one.Value is string[] several
                ? Array(several.Select(each => (JsonNode)each))
                : (JsonNode?)(string)one.Value)));

    // a byte string as handlers see it
    private static JsonNode Text(JsonNode bytes) => EventLine.Decoded(bytes.GetValue<string>());

    private static JsonNode Array(IEnumerable<JsonNode> nodes) => new JsonArray([.. nodes]);

    private static JsonNode Number(double value) =>
        value == Math.Floor(value) ? JsonValue.Create((long)value) : JsonValue.Create(value);

    public static (Socket Theirs, Socket Ours) Pair()
    {
        var path = Path.Combine(Path.GetTempPath(), $"fn-{Guid.NewGuid():N}");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        var theirs = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        theirs.Connect(new UnixDomainSocketEndPoint(path));
        return (theirs, listener.Accept());
    }
}
