// Console.Out and Console.Error: records of the event in which something is printed.

using System;
using System.IO;
using System.Text;

namespace Fn;

internal sealed class Output(int fd) : TextWriter
{
    private static readonly UTF8Encoding s_utf8 = new(false);

    public override Encoding Encoding => s_utf8;

    /// <summary>Puts an Output in the place of both.</summary>
    public static void Install()
    {
        Console.SetOut(new Output(1));
        Console.SetError(new Output(2));
    }

    public override void Write(char value) => Write([value]);

    public override void Write(char[] buffer, int index, int count) =>
        Write(buffer.AsSpan(index, count));

    public override void Write(string? value) => Write(value.AsSpan());

    public override void WriteLine(string? value) => Write(value + "\n");

    public override void Write(ReadOnlySpan<char> buffer)
    {
        if (Channel.Current?.Print(fd, buffer) != true)
        {
            Write(fd, buffer.ToString());
        }
    }

    /// <summary>Writes to a descriptor, which the handler may have closed.</summary>
    public static void Write(int fd, string text) => Write(fd, s_utf8.GetBytes(text));

    public static unsafe void Write(int fd, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            nint size;
            fixed (byte* data = bytes)
            {
                size = Libc.write(fd, data, bytes.Length);
            }
            if (size <= 0 && Libc.Errno != Libc.EINTR)
            {
                return;
            }
            bytes = bytes[(int)Math.Max(size, 0)..];
        }
    }
}
