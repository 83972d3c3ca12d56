// A line of JSON that is being written, and bytes behind it.

using System;
using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Fn;

/// <summary>A buffer that grows; its writers return it.</summary>
internal sealed class Line
{
    private const int KeptMax = 256 * 1024; // bytes that are not given back

    // what a JSON string has as it is
    private const string Plain = " !#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`"
        + "abcdefghijklmnopqrstuvwxyz{|}~";

    private static readonly SearchValues<char> s_plain = SearchValues.Create(Plain);
    private static readonly SearchValues<byte> s_plainBytes =
        SearchValues.Create(Encoding.ASCII.GetBytes(Plain));

    private byte[] _bytes = new byte[1024];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    public Line Clear()
    {
        if (_bytes.Length > KeptMax)
        {
            _bytes = new byte[1024];
        }
        Length = 0;
        return this;
    }

    /// <summary>Forgets what was written behind that length.</summary>
    public void Cut(int length) => Length = length;

    public Line Raw(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Room(bytes.Length));
        Length += bytes.Length;
        return this;
    }

    /// <summary>Text that is known to need no escapes.</summary>
    public Line Ascii(string text)
    {
        Length += Encoding.Latin1.GetBytes(text, Room(text.Length));
        return this;
    }

    public Line Number(long number)
    {
        Utf8Formatter.TryFormat(number, Room(20), out var size);
        Length += size;
        return this;
    }

    /// <summary>Text in UTF-8, without quotes and escapes.</summary>
    public Line Utf8(string text)
    {
        Length += Encoding.UTF8.GetBytes(text, Room(Encoding.UTF8.GetMaxByteCount(text.Length)));
        return this;
    }

    /// <summary>
    /// A JSON string; text that needs more than room bytes (at least 2) ends with "...".
    /// </summary>
    public Line Text(ReadOnlySpan<char> text, int room = int.MaxValue)
    {
        var start = Length;
        var cut = 0; // where "..." would fit
        var fits = (6L * text.Length) + 2 <= room; // whatever is in it
        Raw("\""u8);
        while (text.Length > 0)
        {
            if (fits && Run(ref text))
            {
                continue;
            }
            var before = Length - start;
            Rune.DecodeFromUtf16(text, out var rune, out var size);
            Escaped(rune);
            text = text[size..];
            if (before + "...\"".Length <= room)
            {
                cut = before;
            }
            if (Length - start >= room)
            {
                Length = start + Math.Max(cut, 1);
                Raw(cut > 0 ? "..."u8 : ""u8);
                break;
            }
        }
        return Raw("\""u8);
    }

    // the characters at the beginning that need no escape, at once
    private bool Run(ref ReadOnlySpan<char> text)
    {
        var size = text.IndexOfAnyExcept(s_plain);
        if (size == 0)
        {
            return false;
        }
        var run = size == -1 ? text : text[..size];
        Length += Encoding.Latin1.GetBytes(run, Room(run.Length));
        text = text[run.Length..];
        return true;
    }

    // a lone surrogate was made U+FFFD by DecodeFromUtf16
    private void Escaped(Rune rune)
    {
        switch (rune.Value)
        {
            case '"' or '\\':
                Raw([(byte)'\\', (byte)rune.Value]);
                break;
            case '\n':
                Raw("\\n"u8);
                break;
            case < 0x20 or 0x7f:
                Unicode(rune.Value);
                break;
            default:
                Length += rune.EncodeToUtf8(Room(4));
                break;
        }
    }

    private void Unicode(int value) =>
        Raw([(byte)'\\', (byte)'u', (byte)'0', (byte)'0', Hex(value >> 4), Hex(value & 15)]);

    private static byte Hex(int digit) => (byte)"0123456789abcdef"[digit];

    /// <summary>A byte string (PROTOCOL 3.5): each byte is a character, in ASCII here.</summary>
    public Line Bytes(ReadOnlySpan<byte> bytes)
    {
        Raw("\""u8);
        while (bytes.IndexOfAnyExcept(s_plainBytes) is var size and not -1)
        {
            Raw(bytes[..size]);
            if (bytes[size] is (byte)'"' or (byte)'\\')
            {
                Raw([(byte)'\\', bytes[size]]);
            }
            else
            {
                Unicode(bytes[size]);
            }
            bytes = bytes[(size + 1)..];
        }
        return Raw(bytes).Raw("\""u8);
    }

    private Span<byte> Room(int size)
    {
        if (_bytes.Length - Length < size)
        {
            Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, Length + size));
        }
        return _bytes.AsSpan(Length);
    }
}
