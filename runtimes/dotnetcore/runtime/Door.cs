// Where nginx comes in: the listening socket and the control socket.

using System;
using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fn;

internal sealed unsafe class Door
{
    private const int AcceptMax = 16; // connections at one wake up: events wait meanwhile
    private const int ControlLineMax = 4096; // PROTOCOL 2.1
    private const int StackSize = 256 * 1024; // bytes

    private readonly int _control; // -1 with --listen: there is nobody to hear
    private readonly bool _tcp;
    private readonly List<IDisposable> _kept = []; // what the collector would close

    private Door(int listener, int control, bool tcp)
    {
        (Listener, _control, _tcp) = (listener, control, tcp);
        var flags = Libc.fcntl(listener, Libc.F_GETFL, 0);
        Libc.fcntl(listener, Libc.F_SETFL, flags | Libc.O_NONBLOCK);
    }

    public int Listener { get; }

    /// <summary>Descriptors 3 and 4, PROTOCOL 1.1.</summary>
    public static Door Inherited()
    {
        foreach (var fd in (ReadOnlySpan<int>)[3, 4])
        {
            if (Libc.fcntl(fd, Libc.F_SETFD, Libc.FD_CLOEXEC) != 0)
            {
                throw new InvalidOperationException(
                    $"descriptor {fd} is not open: nginx starts this, or give --listen ADDRESS");
            }
        }
        Libc.fcntl(4, Libc.F_SETFL, Libc.fcntl(4, Libc.F_GETFL, 0) & ~Libc.O_NONBLOCK);
        return new Door(3, 4, tcp: false);
    }

    /// <summary>unix:PATH or HOST:PORT, PROTOCOL 1.3.</summary>
    public static Door Opened(string address)
    {
        EndPoint point;
        if (address.StartsWith("unix:", StringComparison.Ordinal))
        {
            File.Delete(address[5..]);
            point = new UnixDomainSocketEndPoint(address[5..]);
        }
        else
        {
            var colon = address.LastIndexOf(':');
            var host = address[..Math.Max(colon, 0)].Trim('[', ']');
            // GetHostAddresses() refuses 0.0.0.0
            var known = IPAddress.TryParse(host == "" ? "0.0.0.0" : host, out var ip);
            ip = known ? ip! : Dns.GetHostAddresses(host)[0];
            point = new IPEndPoint(ip, int.Parse(address[(colon + 1)..]));
        }
        var tcp = point is IPEndPoint;
        var protocol = tcp ? ProtocolType.Tcp : ProtocolType.Unspecified;
        var socket = new Socket(point.AddressFamily, SocketType.Stream, protocol);
        socket.Bind(point);
        socket.Listen(511);
        var door = new Door((int)socket.Handle, -1, tcp);
        door._kept.Add(socket);
        return door;
    }

    /// <summary>To nginx.</summary>
    public void Say(ReadOnlySpan<byte> line)
    {
        if (_control == -1)
        {
            return;
        }
        fixed (byte* data = line)
        {
            Libc.send(_control, data, line.Length, Libc.MSG_NOSIGNAL);
        }
    }

    /// <summary>
    /// Calls stop, in another thread, when the process is told to; ends the process when nginx is
    /// gone, a handler or not (PROTOCOL 2.4).
    /// </summary>
    public void Watch(Action stop)
    {
        if (_control != -1)
        {
            var thread = new Thread(() => Listen(stop), StackSize) { IsBackground = true };
            thread.Start();
            return;
        }
        foreach (var signal in (ReadOnlySpan<PosixSignal>)[PosixSignal.SIGTERM, PosixSignal.SIGINT])
        {
            _kept.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                stop();
            }));
        }
    }

    private void Listen(Action stop)
    {
        var line = new List<byte>();
        var buffer = stackalloc byte[512];
        for (; ; )
        {
            var size = Libc.read(_control, buffer, 512);
            if (size <= 0)
            {
                if (size < 0 && Libc.Errno == Libc.EINTR)
                {
                    continue;
                }
                Libc._exit(0);
            }
            foreach (var one in new ReadOnlySpan<byte>(buffer, (int)size))
            {
                if (one != '\n')
                {
                    line.Add(one);
                    continue;
                }
                Obey(line.ToArray(), stop);
                line.Clear();
            }
            if (line.Count > ControlLineMax)
            {
                line.Clear();
            }
        }
    }

    private static void Obey(byte[] line, Action stop)
    {
        if (Protocol.IsStop(line))
        {
            stop();
        }
        else
        {
            Channel.Print(Nuclio.Sdk.LogLevel.Error, "unknown control line", null);
        }
    }

    // the next connection that waits, or -1
    private int AcceptOne()
    {
        var fd = Libc.accept4(Listener, null, null, Libc.SOCK_CLOEXEC);
        if (fd == -1)
        {
            if (Libc.Errno is not (Libc.EAGAIN or Libc.EINTR))
            {
                Channel.Print(
                    Nuclio.Sdk.LogLevel.Error, $"accept() failed ({Libc.Reason})", null);
                Thread.Sleep(50); // too many open files do not pass at once
            }
            return -1;
        }
        if (fd < 3)
        {
            // user code closed 0, 1 or 2, and may write there yet
            var free = Libc.fcntl(fd, Libc.F_DUPFD_CLOEXEC, 5);
            Libc.close(fd);
            fd = free;
        }
        if (_tcp)
        {
            var one = 1;
            Libc.setsockopt(fd, Libc.IPPROTO_TCP, Libc.TCP_NODELAY, &one, sizeof(int));
        }
        return fd;
    }

    /// <summary>The connections that wait, at most some.</summary>
    public IEnumerable<int> Accept()
    {
        for (var i = 0; i < AcceptMax && AcceptOne() is var fd and not -1; i++)
        {
            yield return fd;
        }
    }

    /// <summary>No new connections.</summary>
    public void Shut()
    {
        if (_kept.Find(static one => one is Socket) is { } socket)
        {
            socket.Dispose();
        }
        else
        {
            Libc.close(Listener);
        }
    }
}
