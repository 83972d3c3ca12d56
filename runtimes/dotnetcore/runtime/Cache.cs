// The directory of what was compiled: FN_CACHE, or /var/tmp/nginx-fn-UID.

using System;
using System.IO;
using System.Text;
using System.Threading;

namespace Fn;

internal static class Cache
{
    private const UnixFileMode Mode =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>
    /// The file of that name in the entry of that key; make fills a directory with it when there
    /// is none, in one process at a time.
    /// </summary>
    public static string File(string? directory, string key, string name, Action<string> make)
    {
        directory = Opened(directory ?? $"/var/tmp/nginx-fn-{Libc.geteuid()}");
        var entry = Path.Combine(directory, key);
        var file = Path.Combine(entry, name);
        if (System.IO.File.Exists(file))
        {
            return file;
        }
        using var locked = Locked(entry + ".lock");
        if (!System.IO.File.Exists(file))
        {
            Remove(entry); // what cleans /var/tmp may have left some of it
            Make(entry, make);
        }
        return file;
    }

    private static void Make(string entry, Action<string> make)
    {
        var partial = $"{entry}.{Environment.ProcessId}";
        try
        {
            Directory.CreateDirectory(partial, Mode);
            make(partial);
            Directory.Move(partial, entry);
        }
        finally
        {
            Remove(partial);
        }
    }

    private static void Remove(string directory)
    {
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    // made when it isn't there; code from it is run, so nobody else may write there
    private static unsafe string Opened(string directory)
    {
        Directory.CreateDirectory(directory, Mode);
        var status = stackalloc byte[256]; // struct statx
        fixed (byte* path = Encoding.UTF8.GetBytes(directory.TrimEnd('/') + "\0"))
        {
            if (Libc.statx(
                Libc.AT_FDCWD, path, Libc.AT_SYMLINK_NOFOLLOW, Libc.STATX_BASIC_STATS, status) != 0)
            {
                throw new IOException($"statx(\"{directory}\") failed ({Libc.Reason})");
            }
        }
        var owner = *(uint*)(status + 20);
        var mode = *(ushort*)(status + 28);
        var wrong = (mode & 0xf000) != 0x4000 ? "is not a directory"
            : owner != Libc.geteuid() ? $"belongs to user {owner}"
            : (mode & 0x12) != 0 ? "can be written by others"
            : null;
        return wrong is null ? directory : throw new IOException(
            $"cache \"{directory}\" {wrong}: remove it, or name another one with FN_CACHE");
    }

    private static FileStream Locked(string file)
    {
        for (; ; )
        {
            try
            {
                return new FileStream(
                    file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (System.IO.File.Exists(file))
            {
                Thread.Sleep(50);
            }
        }
    }
}
