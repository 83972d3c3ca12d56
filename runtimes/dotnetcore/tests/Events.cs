// A server in a process of its own: many events at the same time, and the end.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Text;
using System.Threading;

namespace Fn.Tests;

internal static class Events
{
    private const string Source =
        """
        using System; using System.Threading; using System.Threading.Tasks; using Nuclio.Sdk;
        public class A {
            static int s_running, s_most;
            public object Handler(Context context, Event e) {
                int running = Interlocked.Increment(ref s_running);
                if (running > s_most) s_most = running;
                if (e.Path == "/most") { Interlocked.Decrement(ref s_running); return $"{s_most}"; }
                if (e.Path == "/async") return Later();
                Thread.Sleep(20);
                Interlocked.Decrement(ref s_running);
                return "slept";
            }
            static async Task<string> Later() {
                await Task.Delay(20);
                Interlocked.Decrement(ref s_running);
                return "waited";
            }
        }
        """;

    public static void Add(List<(string Name, Action Run)> tests)
    {
        tests.Add(("server: one event at a time", () => Run(1, "/sleep", 12, "1")));
        tests.Add(("server: four threads", () => Run(4, "/sleep", 40, "4")));
        tests.Add(("server: four tasks", () => Run(4, "/async", 40, "4")));
        tests.Add(("server: one task", () => Run(1, "/async", 12, "1")));
    }

    // as many connections as events, all sent at once
    private static void Run(int concurrency, string path, int count, string most)
    {
        var directory = Directory.CreateTempSubdirectory("fn-").FullName;
        var socket = Path.Combine(directory, "socket");
        File.WriteAllText(Path.Combine(directory, "a.cs"), Source);
        using var process = Start(directory, socket, concurrency);
        try
        {
            var connections = Enumerable.Range(0, count).Select(_ => Connect(socket)).ToList();
            connections.ForEach(one => Send(one, path));
            var expected = path == "/async" ? "waited" : "slept";
            Check.True(connections.All(one => Read(one).EndsWith(expected)), "every event is answered");
            Send(connections[0], "/most");
            var came = Read(connections[0]);
            Check.True(came.EndsWith("\n" + most), $"{most} at the same time, not {came}");
            connections.ForEach(one => Send(one, path));
            Thread.Sleep(10);
            using (Process.Start("kill", $"{process.Id}"))
            {
                Check.True(process.WaitForExit(5000), "it ends when it is told to");
            }
            Check.Equal(process.ExitCode, 0);
            var answered = connections.Count(one => Read(one).EndsWith(expected));
            Check.True(answered >= concurrency, $"what runs ends well, not {answered}");
            connections.ForEach(one => one.Dispose());
        }
        finally
        {
            process.Kill();
            Directory.Delete(directory, recursive: true);
        }
    }

    private static Process Start(string directory, string socket, int concurrency)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "fn_dotnet_tests.dll");
        var start = new ProcessStartInfo(Environment.ProcessPath!, [program, "--listen", "unix:" + socket]);
        start.Environment["FN_TARGET"] = directory + "/a.cs";
        start.Environment["FN_CACHE"] = directory + "/cache";
        start.Environment["FN_CONCURRENCY"] = $"{concurrency}";
        return Process.Start(start)!;
    }

    private static Socket Connect(string path)
    {
        for (; ; )
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(path));
                return socket;
            }
            catch (SocketException)
            {
                socket.Dispose();
                Thread.Sleep(10);
            }
        }
    }

    private static void Send(Socket socket, string path) => socket.Send(Encoding.ASCII.GetBytes(
        $"{{\"id\":\"0123\",\"method\":\"GET\",\"path\":\"{path}\"}}\n"));

    private static string Read(Socket socket)
    {
        var buffer = new byte[4096];
        try
        {
            return Encoding.ASCII.GetString(buffer, 0, socket.Receive(buffer));
        }
        catch (SocketException)
        {
            return "";
        }
    }
}
