// The system calls of the event loop: .NET's own sockets take twice the time and more memory.

using System;
using System.Runtime.InteropServices;

namespace Fn;

internal static unsafe class Libc
{
    public const int EINTR = 4;
    public const int EAGAIN = 11;

    public const int F_SETFD = 2;
    public const int F_GETFL = 3;
    public const int F_SETFL = 4;
    public const int F_DUPFD_CLOEXEC = 1030;
    public const int FD_CLOEXEC = 1;
    public const int O_NONBLOCK = 0x800;
    public const int SOCK_CLOEXEC = 0x80000;
    public const int MSG_DONTWAIT = 0x40;
    public const int MSG_NOSIGNAL = 0x4000;
    public const int SHUT_RDWR = 2;
    public const int IPPROTO_TCP = 6;
    public const int TCP_NODELAY = 1;
    public const int EPOLL_CLOEXEC = 0x80000;
    public const int EPOLL_CTL_ADD = 1;
    public const int EPOLL_CTL_DEL = 2;
    public const int EPOLL_CTL_MOD = 3;
    public const uint EPOLLIN = 1;
    public const uint EPOLLONESHOT = 1u << 30;
    public const int EFD_CLOEXEC = 0x80000;
    public const int EFD_NONBLOCK = 0x800;
    public const int AT_FDCWD = -100;
    public const int AT_SYMLINK_NOFOLLOW = 0x100;
    public const uint STATX_BASIC_STATS = 0x7ff;

    private const string Name = "libc";

    /// <summary>The last call's errno.</summary>
    public static int Errno => Marshal.GetLastPInvokeError();

    /// <summary>What it means, in words.</summary>
    public static string Reason => Marshal.GetLastPInvokeErrorMessage();

    [DllImport(Name, SetLastError = true)]
    public static extern nint recv(int fd, byte* buffer, nint size, int flags);

    [DllImport(Name, SetLastError = true)]
    public static extern nint send(int fd, byte* buffer, nint size, int flags);

    [DllImport(Name, SetLastError = true)]
    public static extern nint read(int fd, byte* buffer, nint size);

    [DllImport(Name, SetLastError = true)]
    public static extern nint write(int fd, byte* buffer, nint size);

    [DllImport(Name, SetLastError = true)]
    public static extern int accept4(int fd, void* address, void* length, int flags);

    [DllImport(Name, SetLastError = true)]
    public static extern int setsockopt(int fd, int level, int name, int* value, int length);

    [DllImport(Name, SetLastError = true)]
    public static extern int shutdown(int fd, int how);

    [DllImport(Name, SetLastError = true)]
    public static extern int close(int fd);

    [DllImport(Name, SetLastError = true)]
    public static extern int fcntl(int fd, int command, int argument);

    [DllImport(Name, SetLastError = true)]
    public static extern int epoll_create1(int flags);

    [DllImport(Name, SetLastError = true)]
    public static extern int epoll_ctl(int fd, int operation, int watched, byte* what);

    [DllImport(Name, SetLastError = true)]
    public static extern int epoll_wait(int fd, byte* events, int count, int timeout);

    [DllImport(Name, SetLastError = true)]
    public static extern int eventfd(uint value, int flags);

    [DllImport(Name, SetLastError = true)]
    public static extern int statx(int directory, byte* path, int flags, uint mask, byte* buffer);

    [DllImport(Name)]
    public static extern uint geteuid();

    [DllImport(Name)]
    private static extern void* mmap(
        void* address, nint length, int protection, int flags, int fd, nint offset);

    [DllImport(Name)]
    private static extern int madvise(void* address, nint length, int advice);

    [DllImport(Name)]
    public static extern void _exit(int status);

    /// <summary>A byte that is 1 here, and 0 in a child of fork().</summary>
    public static byte* WipedByFork()
    {
        const int PROT_READ_WRITE = 3;
        const int MAP_PRIVATE_ANONYMOUS = 0x22;
        const int MADV_WIPEONFORK = 18;
        const int Length = 4096;
        var page = (byte*)mmap(null, Length, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
        madvise(page, Length, MADV_WIPEONFORK);
        *page = 1;
        return page;
    }
}
