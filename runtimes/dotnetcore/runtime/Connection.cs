// A connection of nginx: events in, bytes out.

using System;
using System.Threading;
using Nuclio.Sdk;

namespace Fn;

/// <summary>Its socket blocks: it is read only when it is readable.</summary>
internal sealed unsafe class Connection(int fd)
{
    private byte[] _line = []; // the beginning of a line, _lineSize bytes
    private int _lineSize;
    private EventLine? _head; // the line of an event whose body is not complete
    private byte[] _body = [];
    private int _bodySize; // what is there of it

    public int Fd { get; } = fd;

    /// <summary>An event is running; the lock of this object guards it.</summary>
    public bool Busy { get; set; }

    public bool Closed { get; private set; }

    /// <summary>No event has begun (PROTOCOL 2.3).</summary>
    public bool Idle => !Busy && _lineSize == 0 && _head is null;

    /// <summary>The event when all of it is there, else null.</summary>
    /// <param name="buffer">room for what is read at once; events don't refer to it</param>
    /// <param name="gone">the connection is at its end</param>
    /// <exception cref="ProtocolException">nginx sent what PROTOCOL does not allow.</exception>
    public Event? Receive(byte[] buffer, out bool gone)
    {
        if (_head is not null)
        {
            return ReceiveBody(out gone);
        }
        var size = Read(buffer, 0, out gone);
        if (size == 0)
        {
            return null;
        }
        var data = buffer.AsSpan(0, size);
        var end = data.IndexOf((byte)'\n');
        if (_lineSize > 0 || end == -1)
        {
            data = Continue(data);
            end = end == -1 ? -1 : data.IndexOf((byte)'\n');
        }
        if ((end == -1 ? data.Length : end + 1) > Protocol.EventLineMax)
        {
            throw new ProtocolException("the event's line is too long");
        }
        if (end == -1)
        {
            return null;
        }
        _lineSize = 0;
        return Begin(EventLine.Read(data[..end]), data[(end + 1)..], out gone);
    }

    // what has come of a line until now, with this
    private Span<byte> Continue(ReadOnlySpan<byte> data)
    {
        if (_line.Length < _lineSize + data.Length)
        {
            Array.Resize(ref _line, Math.Max(2 * _line.Length, _lineSize + data.Length));
        }
        data.CopyTo(_line.AsSpan(_lineSize));
        _lineSize += data.Length;
        return _line.AsSpan(0, _lineSize);
    }

    private Event? Begin(EventLine head, ReadOnlySpan<byte> rest, out bool gone)
    {
        if (rest.Length > head.BodyLength)
        {
            throw new ProtocolException("bytes behind the event");
        }
        if (head.BodyLength > Array.MaxLength)
        {
            throw new ProtocolException("the event's body is too large");
        }
        var body = head.BodyLength == 0 ? []
            : GC.AllocateUninitializedArray<byte>((int)head.BodyLength);
        rest.CopyTo(body);
        if (rest.Length == body.Length)
        {
            gone = false;
            return head.Event(body);
        }
        (_head, _body, _bodySize) = (head, body, rest.Length);
        return ReceiveBody(out gone);
    }

    private Event? ReceiveBody(out bool gone)
    {
        while (_bodySize < _body.Length)
        {
            var size = Read(_body, _bodySize, out gone);
            if (size == 0)
            {
                return null;
            }
            _bodySize += size;
        }
        var received = _head!.Event(_body);
        (_head, _body, _line) = (null, [], []);
        gone = false;
        return received;
    }

    // 0: nothing now, or gone
    private int Read(byte[] into, int start, out bool gone)
    {
        nint size;
        do
        {
            fixed (byte* data = &into[start])
            {
                size = Libc.recv(Fd, data, into.Length - start, Libc.MSG_DONTWAIT);
            }
        }
        while (size < 0 && Libc.Errno == Libc.EINTR);
        gone = size == 0 || (size < 0 && Libc.Errno != Libc.EAGAIN);
        return (int)Math.Max(size, 0);
    }

    /// <summary>Sends all of data; when that fails, the next Receive finds it gone.</summary>
    public bool Write(ReadOnlySpan<byte> data)
    {
        while (data.Length > 0)
        {
            nint size;
            fixed (byte* bytes = data)
            {
                size = Libc.send(Fd, bytes, data.Length, Libc.MSG_NOSIGNAL);
            }
            if (size < 0)
            {
                if (Libc.Errno == Libc.EINTR)
                {
                    continue;
                }
                Libc.shutdown(Fd, Libc.SHUT_RDWR);
                return false;
            }
            data = data[(int)size..];
        }
        return true;
    }

    public void Close()
    {
        Closed = true;
        Libc.close(Fd);
    }
}
