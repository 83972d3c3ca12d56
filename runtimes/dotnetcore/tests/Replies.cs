// What is written: responses, errors, records.

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Threading.Tasks;
using Nuclio.Sdk;

namespace Fn.Tests;

internal static class Replies
{
    private const int LineMax = 1024;

    private static readonly object[] s_odd =
        [double.NaN, 1e300, ulong.MaxValue, decimal.MaxValue, long.MinValue, 'x', Guid.Empty];

    public static void Add(List<(string Name, Action Run)> tests)
    {
        tests.Add(("reply: text", () => Check.Equal(
            Sent("h\u00e9"),
            Head("200", "\"Content-Type\":\"text/plain\"", 3) + "h\u00c3\u00a9")));
        tests.Add(("reply: null", () => Check.Equal(
            Sent(null), Head("200", "\"Content-Type\":\"text/plain\"", 0))));
        tests.Add(("reply: half of a surrogate pair", () => Check.Equal(
            Sent("\ud800"),
            Head("200", "\"Content-Type\":\"text/plain\"", 3) + "\u00ef\u00bf\u00bd")));
        tests.Add(("reply: headers", () => Check.Equal(
            Sent(new Response
            {
                StatusCode = 404,
                Headers = new() { ["A"] = "\"\\\t\u00e9", ["B"] = new object[] { 1, true, 1.5 }, ["C"] = null! },
            }),
            Head(
                "404",
                "\"Content-Type\":\"text/plain\",\"A\":\"\\\"\\\\\\u0009\\u00c3\\u00a9\","
                + "\"B\":[\"1\",\"true\",\"1.5\"]",
                0))));
        tests.Add(("reply: a body in base64", () => Check.True(
            Sent(new Response { Body = "/wA=", BodyEncoding = "base64" }).EndsWith("\n\u00ff\0"), "")));
        tests.Add(("reply: a body above 64 KiB", () => Check.Equal(
            Sent(new string('x', 70000)).Length,
            Head("200", "\"Content-Type\":\"text/plain\"", 70000).Length + 70000)));
        tests.Add(("reply: an explicit content type wins", () => Check.True(
            Sent(new Response { ContentType = "a/b", Headers = new() { ["content-type"] = "c/d" } })
                .Contains("{\"Content-Type\":\"a/b\"}"), "")));
        foreach (var (name, response) in Nonsense())
        {
            tests.Add(($"nonsense: {name}", () => Check.Throws<Exception>(() => Sent(response))));
        }
        tests.Add(("error: fits whatever its text", ErrorFits));
        tests.Add(("error: a message that fails", () => Check.True(
            Error(new Failing()).Contains("<NotSupportedException>"), "")));
        tests.Add(("record: fits whatever is in it", RecordFits));
        tests.Add(("record: values that JSON has not", OddValues));
        tests.Add(("record: an object that contains itself", Cycle));
        tests.Add(("record: a name comes once", () => Check.Equal(
            Record("m", new() { ["a\0"] = 1, ["a\ufffd"] = 2 }).GetProperty("with").GetRawText(),
            "{\"a\ufffd\":1}")));
        tests.Add(("record: depth", Depth));
        tests.Add(("record: a value that fails", () => Check.Equal(
            Record("m", new() { ["a"] = new Failing().Values(), ["b"] = 1 })
                .GetProperty("with").GetRawText(),
            "{\"a\":\"<NotSupportedException>\",\"b\":1}")));
    }

    private static IEnumerable<(string, Response)> Nonsense()
    {
        static Response With(string name, object value) =>
            new() { Headers = new() { [name] = value } };
        yield return ("an empty name", With("", "x"));
        yield return ("a name of 257 bytes", With(new string('a', 257), "x"));
        yield return ("a name with a colon", With("a:", "x"));
        yield return ("a name beyond ASCII", With("\u00e9", "x"));
        yield return ("DEL", With("a", "\u007f"));
        yield return ("an object", With("a", new object()));
        yield return ("a list of lists", With("a", new[] { new[] { "b" } }));
        yield return ("content types", With("Content-Type", new[] { "a/b" }));
        yield return ("status 199", new Response { StatusCode = 199 });
        yield return ("status 600", new Response { StatusCode = 600 });
        yield return ("base64", new Response { Body = "?", BodyEncoding = "base64" });
        yield return ("a body encoding", new Response { BodyEncoding = "hex" });
    }

    private static string Head(string status, string headers, int length) =>
        $"{{\"type\":\"response\",\"id\":\"0123\",\"status\":{status},\"headers\":{{{headers}}},"
        + $"\"body_length\":{length},\"duration_us\":7}}\n";

    // one character a byte
    private static string Sent(object? result)
    {
        var (theirs, ours) = Vectors.Pair();
        using (theirs)
        {
            var read = Task.Run(() =>
            {
                using var all = new MemoryStream();
                using var stream = new System.Net.Sockets.NetworkStream(theirs);
                stream.CopyTo(all);
                return Encoding.Latin1.GetString(all.ToArray());
            });
            using (ours)
            {
                Reply.Send(
                    new Connection((int)ours.Handle), new Line(), "0123", Answer.From(result), 7, LineMax);
            }
            return read.Result;
        }
    }

    private static string Error(Exception exception)
    {
        var line = new Line();
        Reply.Error(line, "0123", exception, 7, LineMax);
        Check.True(line.Length <= LineMax, $"{line.Length} bytes");
        Check.Equal(line.Written.IndexOf((byte)'\n'), line.Length - 1);
        return Encoding.UTF8.GetString(line.Written);
    }

    private static void ErrorFits()
    {
        foreach (var text in Texts())
        {
            var error = JsonDocument.Parse(Error(new ArgumentException(text))).RootElement;
            var message = error.GetProperty("message").GetString()!;
            Check.True(message == text || message.EndsWith("..."), message);
            Check.Equal(error.GetProperty("error").GetString(), "ArgumentException");
        }
    }

    private static IEnumerable<string> Texts()
    {
        foreach (var text in new[] { "x", "\u00e9", "\0", "\n", "\"", "\U0001F600", "\U0001F600\0\u007f" })
        {
            foreach (var count in new[] { 0, 1, 100, 160, 161, 162, 163, 480, 500, 2000, 100000 })
            {
                yield return string.Concat(Enumerable.Repeat(text, count));
            }
        }
    }

    private static JsonElement Record(string message, Dictionary<string, object?> with)
    {
        var line = new Line();
        Protocol.Log(line, LogLevel.Info, message, with, LineMax);
        Check.True(line.Length <= LineMax, $"{line.Length} bytes");
        Check.Equal(line.Written.IndexOf((byte)'\n'), line.Length - 1);
        return JsonDocument.Parse(line.Written.ToArray(), new() { MaxDepth = 32 }).RootElement;
    }

    private static void RecordFits()
    {
        foreach (var text in Texts())
        {
            Record(text, new() { ["a"] = text, [text] = new[] { text }, ["c"] = 1 });
        }
    }

    private static void OddValues()
    {
        var with = Record("m", new() { ["odd"] = s_odd }).GetProperty("with").GetProperty("odd");
        Check.Equal(
            with.GetRawText(),
            "[\"NaN\",1E+300,\"18446744073709551615\",\"79228162514264337593543950335\","
            + "-9223372036854775808,\"x\",\"00000000-0000-0000-0000-000000000000\"]");
    }

    private static void Cycle()
    {
        var list = new List<object>();
        list.Add(list);
        Record("m", new() { ["cycle"] = list, ["node"] = new Node() });
    }

    private static void Depth()
    {
        object value = 1;
        for (var i = 0; i < 100; i++)
        {
            value = i % 2 == 0 ? new[] { value } : new Dictionary<string, object> { ["a"] = value };
        }
        Record("m", new() { ["deep"] = value });
    }

    private sealed class Node
    {
        public Node Self => this;
    }

    private sealed class Failing : Exception
    {
        public override string Message => throw new NotSupportedException();

        public IEnumerable<string> Values()
        {
            yield return Message;
        }
    }
}
