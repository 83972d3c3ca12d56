// Which descriptors can be read: epoll.

using System;
using System.Runtime.InteropServices;

namespace Fn;

/// <param name="once">a descriptor that was ready is told of again when that is asked for</param>
internal sealed unsafe class Poll
{
    /// <summary>Descriptors that are worth telling of at once.</summary>
    public const int ReadyMax = 64;

    // struct epoll_event is packed on x86-64 alone: four bytes, and eight for the descriptor
    private static readonly int s_data =
        RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;

    private readonly int _fd = Libc.epoll_create1(Libc.EPOLL_CLOEXEC);
    private readonly int _wake = Libc.eventfd(0, Libc.EFD_CLOEXEC | Libc.EFD_NONBLOCK);
    private readonly bool _once;

    public Poll(bool once)
    {
        _once = once;
        Add(_wake, shared: true);
    }

    /// <summary>Watches a descriptor; a shared one always, whatever "once" says.</summary>
    public void Add(int fd, bool shared = false) =>
        Control(Libc.EPOLL_CTL_ADD, fd, _once && !shared ? Libc.EPOLLONESHOT : 0);

    /// <summary>Watches one again that was ready once.</summary>
    public void Again(int fd)
    {
        if (_once)
        {
            Control(Libc.EPOLL_CTL_MOD, fd, Libc.EPOLLONESHOT);
        }
    }

    public void Remove(int fd) => Control(Libc.EPOLL_CTL_DEL, fd, 0);

    private void Control(int operation, int fd, uint more)
    {
        var what = stackalloc byte[16];
        *(uint*)what = Libc.EPOLLIN | more;
        *(long*)(what + s_data) = fd;
        if (Libc.epoll_ctl(_fd, operation, fd, what) != 0)
        {
            throw new InvalidOperationException($"epoll_ctl() failed ({Libc.Reason})");
        }
    }

    /// <summary>From any thread: ends one Wait.</summary>
    public void Wake()
    {
        var one = 1L;
        Libc.write(_wake, (byte*)&one, sizeof(long));
    }

    /// <summary>Waits, fills ready with descriptors and returns their number.</summary>
    public int Wait(int[] ready)
    {
        var events = stackalloc byte[ready.Length * 16];
        var count = Libc.epoll_wait(_fd, events, ready.Length, -1);
        var kept = 0;
        for (var i = 0; i < count; i++)
        {
            var fd = (int)*(long*)(events + (i * (s_data + 8)) + s_data);
            if (fd != _wake)
            {
                ready[kept++] = fd;
                continue;
            }
            long number;
            Libc.read(_wake, (byte*)&number, sizeof(long));
        }
        return kept;
    }
}
