// The handler of ../conformance/README: it does what the path's last segment names.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Nuclio.Sdk;

public class Conformance
{
    private const string Text = "text \u00e9\n";
    private const string Custom = "text/x-conformance";
    private const string Odd = "\n\u001b\0\U0001F600";

    private static readonly byte[] s_bytes = [.. Enumerable.Range(0, 256).Select(one => (byte)one)];
    private static readonly object s_object = new { a = 1, b = "\u00e9" };
    private static readonly object[] s_list = [1, "two", null, new { three = 3 }];

    private int _count;

    public void InitContext(Context context)
    {
        var init = Environment.GetEnvironmentVariable("CONFORMANCE_INIT");
        if (init == "fail")
        {
            throw new InvalidOperationException("init failed");
        }
        if (init == "slow")
        {
            Thread.Sleep(500);
        }
        context.UserData["text"] = "from init";
        context.Logger.Info("init context");
    }

    public object Handler(Context context, Event received)
    {
        var name = Environment.GetEnvironmentVariable("CONFORMANCE") is { Length: > 0 } set
            ? set
            : received.Path[(received.Path.LastIndexOf('/') + 1)..];
        string Field(string field) => (string)received.Fields[field];
        return name switch
        {
            "event" => Facts(received),
            "echo" => new Response
            {
                BodyObject = received.Body,
                ContentType = received.ContentType,
            },
            "header" => HeaderOf(received, Field("name")),
            "echo_headers" => new Response { Headers = received.Headers },
            "large" => new string('x', int.Parse(Field("size"))),
            "stream" => Stream(int.Parse(Field("count"))),
            "count" => $"{++_count}",
            "user_data" => context.UserData["text"],
            "worker" => context.WorkerId,
            "context" => new { worker_id = context.WorkerId, function_name = context.Name },
            "sleep" => Sleep(int.Parse(Field("ms"))),
            "exit" => Exit(int.Parse(Field("code"))),
            "call" => Call(context, Field("name")),
            _ => Answer(name) ?? Nonsense(name) ?? Failure(name) ?? Log(context.Logger, name)
                ?? Time(name) ?? Disturbance(name)
                ?? new Response { StatusCode = 404, Body = $"no {name}" },
        };
    }

    private static Response Refuse(string reason) => new() { StatusCode = 501, Body = reason };

    // Events

    private static object Facts(Event received)
    {
        static string Kind(object value) => value switch
        {
            string => "text",
            byte[] => "bytes",
            long or int => "integer",
            DateTime => "time",
            _ => "object",
        };
        var values = new Dictionary<string, object>
        {
            ["id"] = received.Id,
            ["method"] = received.Method,
            ["path"] = received.Path,
            ["url"] = received.Url,
            ["content_type"] = received.ContentType,
            ["type"] = received.Type,
            ["type_version"] = received.TypeVersion,
            ["version"] = received.Version,
            ["headers"] = received.Headers,
            ["fields"] = received.Fields,
            ["size"] = received.Size,
            ["timestamp"] = received.Timestamp,
            ["trigger"] = received.Trigger,
            ["body"] = received.Body,
        };
        var types = values.ToDictionary(one => one.Key, one => Kind(one.Value));
        var epoch = received.Timestamp - DateTime.UnixEpoch;
        values["timestamp"] = (long)Math.Round(epoch.TotalMilliseconds);
        values["trigger"] = new { kind = received.Trigger.Kind, name = received.Trigger.Name };
        values["body"] = Convert.ToBase64String(received.Body);
        values["types"] = types;
        return values;
    }

    private static object HeaderOf(Event received, string name) =>
        received.Headers.GetValueOrDefault(name) switch
        {
            null => "",
            string[] several => several[^1],
            var one => one,
        };

    // Answers

    private static object Answer(string name) => name switch
    {
        "text" => Text,
        "bytes" => s_bytes,
        "empty_text" => "",
        "empty_bytes" => Array.Empty<byte>(),
        "nothing" => Task.CompletedTask, // null would be an unknown name here
        "object" => s_object,
        "list" => s_list,
        "number" => 42,
        "true" => true,
        "float" => 1.5,
        "status_text" => (201, Text),
        "status_bytes" => (201, s_bytes),
        "status_object" => (201, s_object),
        "status_nothing" => (201, (object)null),
        "response" => new Response
        {
            StatusCode = 201,
            ContentType = Custom,
            Headers = new() { ["h1"] = "v1", ["h2"] = "v2" },
            Body = "response body",
        },
        "response_bytes" => new Response { BodyObject = s_bytes, ContentType = Custom },
        "response_object" => new Response { BodyObject = s_object, ContentType = Custom },
        "response_list" => new Response { BodyObject = s_list, ContentType = Custom },
        "response_default" => new Response(),
        "response_204" => new Response { StatusCode = 204 },
        "headers" => new Response
        {
            Headers = new()
            {
                ["One"] = "1",
                ["Many"] = new[] { "a", "b" },
                ["Utf"] = "\u00e9",
                ["Number"] = 7,
            },
        },
        "set_cookie" => Headers("Set-Cookie", new[] { "a=1", "b=2" }),
        "managed" => new Response
        {
            Headers = new()
            {
                ["Connection"] = "close",
                ["Content-Length"] = 999,
                ["Server"] = "x",
                ["Transfer-Encoding"] = "chunked",
                ["X-Accel-Redirect"] = "/x",
            },
            Body = "managed",
        },
        "header_type" => new Response
        {
            Headers = new() { ["Content-Type"] = "text/html" },
            Body = "<p>",
        },
        "stream_error" => StreamError(),
        _ => null,
    };

    private static Response Headers(string name, object value) =>
        new() { Headers = new() { [name] = value } };

    private static async IAsyncEnumerable<string> Stream(int count)
    {
        for (var i = 0; i < count; i++)
        {
            yield return $"piece {i}\n";
            await Task.CompletedTask;
        }
    }

    private static async IAsyncEnumerable<string> StreamError()
    {
        yield return "first\n";
        await Task.CompletedTask;
        throw new InvalidOperationException("late error");
    }

    // Nonsense

    private static Response Nonsense(string name) => name switch
    {
        "bad_status" => new Response { StatusCode = 1000 },
        "bad_status_low" => new Response { StatusCode = 99 },
        "bad_status_text" => Refuse("StatusCode is an int"),
        "bad_type" => Refuse("ContentType is a string"),
        "bad_type_line" => new Response { Body = "x", ContentType = "text/plain\r\nX: y" },
        "bad_header_name" => Headers("a b", "c"),
        "bad_header_value" => Headers("a", "b\r\nc: d"),
        "many_headers" => Headers("a", Enumerable.Repeat("b", 101)),
        "large_header" => Headers("a", new string('b', 9000)),
        "wide_headers" => new Response
        {
            Headers = "abcd".ToDictionary(one => $"{one}", _ => (object)new string('b', 8000)),
        },
        _ => null,
    };

    // Failures

    private static object Failure(string name) => name switch
    {
        "raise" => throw new ArgumentException("some error"),
        "raise_long" => throw new ArgumentException(new string('x', 100000)),
        "raise_odd" => throw new ArgumentException(Odd),
        "raise_status" => throw new ResponseException(409, "some conflict"),
        "raise_other" => Refuse("only exceptions can be thrown"),
        "raise_exit" => LeaveWell(),
        "deep" => Deep(0),
        _ => null,
    };

    private static object LeaveWell()
    {
        Environment.Exit(3);
        return null;
    }

    private static object Deep(int depth) => $"{Deep(depth + 1)}{depth}";

    // Logs

    private static string Log(Logger logger, string name)
    {
        switch (name)
        {
            case "log":
                logger.Debug("debug message");
                logger.Info("info message");
                logger.Warning("warn message");
                logger.Error("error message");
                return "logged";
            case "log_with":
                logger.ErrorWith("message with", "source", "rabbit", "weight", 7);
                return "logged";
            case "log_odd":
                logger.InfoWith(Odd, "odd", Odd);
                return "logged";
            case "log_large":
                logger.InfoWith(new string('x', 100000), "large", new string('x', 100000));
                return "logged";
            case "log_deep":
                logger.InfoWith("deep", "deep", Enumerable.Range(0, 99).Aggregate(
                    new List<object>(), (inner, _) => [inner]));
                return "logged";
            case "print":
                Console.WriteLine("out one\nout two");
                Console.Error.WriteLine("err one");
                return "printed";
            default:
                return null;
        }
    }

    // Time

    private static async Task<string> Sleep(int milliseconds)
    {
        await Task.Delay(milliseconds);
        return "slept";
    }

    private static object Time(string name)
    {
        switch (name)
        {
            case "hang":
                Thread.Sleep(Timeout.Infinite);
                return null;
            case "spin":
                for (; ; )
                {
                }
            case "async":
                return Async(fails: false);
            case "async_raise":
                return Async(fails: true);
            default:
                return null;
        }
    }

    private static async Task<string> Async(bool fails)
    {
        await Task.Delay(10);
        return fails ? throw new ArgumentException("async error") : "async";
    }

    // Disturbance

    private static object Disturbance(string name)
    {
        switch (name)
        {
            case "stdin":
                return $"{Console.In.ReadToEnd().Length}";
            case "write":
                write(1, "raw\n"u8.ToArray(), 4);
                write(2, "{\"type\":\"x\"}\n"u8.ToArray(), 13);
                return "written";
            case "close":
                close(0);
                close(1);
                close(2);
                return "closed";
            case "descriptors":
                var list = new ProcessStartInfo("ls", "-l /proc/self/fd");
                list.RedirectStandardOutput = true;
                return Process.Start(list).StandardOutput.ReadToEnd();
            case "orphan":
                return $"{Process.Start("sleep", "1000").Id}";
            case "fork":
                return fork() == 0 ? "child" : "parent";
            case "signals":
                return Signals();
            case "background":
                new Thread(Background).Start();
                return "started";
            case "kill":
                Process.GetCurrentProcess().Kill();
                return null;
            case "memory":
                return Memory();
            default:
                return null;
        }
    }

    private static readonly List<PosixSignalRegistration> s_ignored = [];

    private static string Signals()
    {
        PosixSignal[] signals =
        [
            PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP,
            (PosixSignal)13, // SIGPIPE: .NET has names for some only
        ];
        foreach (var one in signals)
        {
            s_ignored.Add(PosixSignalRegistration.Create(one, context => context.Cancel = true));
        }
        return "ignored";
    }

    private static void Background()
    {
        Thread.Sleep(50);
        throw new InvalidOperationException("background error");
    }

    private static object Exit(int code)
    {
        _exit(code);
        return null;
    }

    private static object Memory()
    {
        var taken = new List<byte[]>();
        for (; ; )
        {
            var more = new byte[1 << 20];
            Array.Fill(more, (byte)'x');
            taken.Add(more);
        }
    }

    [DllImport("libc")]
    private static extern nint write(int fd, byte[] data, nint size);

    [DllImport("libc")]
    private static extern int close(int fd);

    [DllImport("libc")]
    private static extern int fork();

    [DllImport("libc")]
    private static extern void _exit(int code);

    // Calls

    private static object Call(Context context, string name)
    {
        var called = new Event
        {
            Method = "POST",
            Path = "/called/echo",
            ContentType = "text/plain",
            Headers = new() { ["X-Caller"] = "conformance" },
        };
        called.SetBody("called body");
        var answer = context.Platform.CallFunction(name, called);
        return new
        {
            status = answer.StatusCode,
            body = answer.Body,
            content_type = answer.ContentType,
        };
    }
}
