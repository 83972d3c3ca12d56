// Runs the events of a handler: one in the thread that reads it, more in as many threads.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Nuclio.Sdk;

namespace Fn;

/// <summary>
/// Each thread waits for a connection that can be read, reads its event, and runs it; a handler
/// that awaits leaves the thread for the next event.  A connection belongs to the thread that was
/// told of it until it is watched again, when its event has ended.
/// </summary>
internal sealed class Server
{
    private const int BufferSize = 65536; // bytes read at once

    [ThreadStatic]
    private static Line? t_line;

    private readonly Door _door;
    private readonly Settings _settings;
    private readonly bool _single; // connections stay watched: there is no other thread
    private readonly Poll _poll;
    private readonly unsafe byte* _parent = Libc.WipedByFork();
    private int _threads = 1;
    private int _idle; // threads that wait for something to read
    private int _running; // events
    private volatile bool _stopping;

    // what the lock of _connections guards
    private readonly Dictionary<int, Connection> _connections = []; // by descriptor
    private readonly Queue<Connection> _waiting = new(); // unread: all is busy (PROTOCOL 4.4)
    private bool _open = true;

    public Server(Door door, Settings settings)
    {
        (_door, _settings) = (door, settings);
        _single = settings.Concurrency == 1;
        _poll = new Poll(once: !_single);
    }

    /// <summary>Set before Run.</summary>
    public Handler? Handler { get; set; }

    private static Line Line => t_line ??= new Line();

    /// <summary>From any thread: no more events.</summary>
    public void Stop()
    {
        _stopping = true;
        _poll.Wake();
    }

    /// <summary>Ends the process when Stop was called and no event is in flight.</summary>
    public void Run()
    {
        _poll.Add(_door.Listener, shared: true);
        Work();
    }

    private void Work()
    {
        var buffer = GC.AllocateUninitializedArray<byte>(BufferSize, pinned: true);
        var ready = new int[_single ? Poll.ReadyMax : 1];
        for (; ; )
        {
            Interlocked.Increment(ref _idle);
            var count = _poll.Wait(ready);
            if (Interlocked.Decrement(ref _idle) == 0 && _threads < _settings.Concurrency)
            {
                AddThread();
            }
            for (var i = 0; i < count; i++)
            {
                Attend(ready[i], buffer);
            }
            if (_stopping)
            {
                Close();
            }
        }
    }

    private void AddThread()
    {
        Interlocked.Increment(ref _threads);
        try
        {
            new Thread(Work) { IsBackground = true, Name = "events" }.Start();
        }
        catch (Exception why) when (why is ThreadStartException or OutOfMemoryException)
        {
            Interlocked.Decrement(ref _threads); // those that are there go on
        }
    }

    private void Attend(int fd, byte[] buffer)
    {
        Connection? connection;
        lock (_connections)
        {
            _connections.TryGetValue(fd, out connection);
            if (fd == _door.Listener && _open)
            {
                Accept();
                return;
            }
        }
        if (connection is not null)
        {
            Attend(connection, buffer);
        }
    }

    private void Accept()
    {
        foreach (var fd in _door.Accept())
        {
            _connections[fd] = new Connection(fd);
            _poll.Add(fd);
        }
    }

    private void Attend(Connection connection, byte[] buffer)
    {
        if (_single)
        {
            if (Receive(connection, buffer) is { } received)
            {
                ServeAlone(connection, received);
            }
            return;
        }
        if (Interlocked.Increment(ref _running) > _settings.Concurrency)
        {
            lock (_connections)
            {
                _waiting.Enqueue(connection);
            }
            Leave();
        }
        else if (Receive(connection, buffer) is { } received)
        {
            ServeAndWatch(connection, received);
        }
        else
        {
            Leave();
        }
    }

    private void ServeAlone(Connection connection, Event received)
    {
        var served = Serve(connection, received);
        if (!served.IsCompletedSuccessfully)
        {
            served.AsTask().GetAwaiter().GetResult();
        }
        connection.Busy = false;
    }

    // the event when it is there; else the connection is watched or dropped
    private Event? Receive(Connection connection, byte[] buffer)
    {
        lock (connection)
        {
            var gone = false;
            try
            {
                if (!connection.Closed && connection.Receive(buffer, out gone) is { } received)
                {
                    connection.Busy = true;
                    return received;
                }
            }
            catch (Exception why) when (why is ProtocolException or OutOfMemoryException)
            {
                Channel.Print(LogLevel.Error, $"connection closed: {why.Message}", null);
                gone = true;
            }
            if (gone)
            {
                Drop(connection);
            }
            else if (!connection.Closed)
            {
                _poll.Again(connection.Fd);
            }
            return null;
        }
    }

    // void: what comes out ends the process
    private async void ServeAndWatch(Connection connection, Event received)
    {
        await Serve(connection, received).ConfigureAwait(false);
        lock (connection)
        {
            connection.Busy = false;
            _poll.Again(connection.Fd);
        }
        Leave();
        if (_stopping)
        {
            Close();
        }
    }

    // an event has ended: a connection that waited is watched again
    private void Leave()
    {
        // read without the lock: who enqueues leaves, too, and after that
        if (Interlocked.Decrement(ref _running) >= _settings.Concurrency || _waiting.Count == 0)
        {
            return;
        }
        lock (_connections)
        {
            while (_waiting.TryDequeue(out var connection))
            {
                if (!connection.Closed)
                {
                    _poll.Again(connection.Fd);
                    break;
                }
            }
        }
    }

    private void Drop(Connection connection)
    {
        lock (_connections)
        {
            _connections.Remove(connection.Fd);
            _poll.Remove(connection.Fd); // a child may have it, too
            connection.Close();
        }
    }

    // PROTOCOL 2.3
    private void Close()
    {
        List<Connection> connections;
        lock (_connections)
        {
            if (_open)
            {
                _open = false;
                _poll.Remove(_door.Listener);
                _door.Shut();
            }
            connections = [.. _connections.Values];
        }
        foreach (var connection in connections)
        {
            lock (connection)
            {
                if (connection.Idle && !connection.Closed)
                {
                    Drop(connection);
                }
            }
        }
        lock (_connections)
        {
            if (_connections.Count == 0)
            {
                Environment.Exit(0); // the handler's own threads may go on
            }
        }
    }

    // Events

    // runs the handler and replies; nothing comes out but the end of the process
    private async ValueTask Serve(Connection connection, Event received)
    {
        var head = (EventLine)received.Source;
        var start = Stopwatch.GetTimestamp();
        if (head.StartBy >= 0 && start / (Stopwatch.Frequency / 1000) > head.StartBy)
        {
            Protocol.Expired(Line.Clear(), head.Id);
            connection.Write(Line.Written);
            return;
        }
        var level = head.LogLevel ?? _settings.LogLevel;
        var channel = new Channel(connection, level, _settings.LineMax);
        Channel.Current = channel;
        try
        {
            var result = Handler!.Call(received);
            if (result is Task task)
            {
                await task.ConfigureAwait(false);
                result = Handler.Result(task);
            }
            var duration = Reply.Microseconds(start);
            LeaveChild();
            var answer = Answer.From(result);
            if (answer.Pieces is not null)
            {
                await SendPieces(connection, head.Id, answer, duration, channel)
                    .ConfigureAwait(false);
                return;
            }
            channel.Close();
            Reply.Send(connection, Line, head.Id, answer, duration, _settings.LineMax);
        }
        catch (Exception exception)
        {
            LeaveChild();
            channel.Close();
            Fail(connection, head.Id, exception, Reply.Microseconds(start));
        }
    }

    private void Fail(Connection connection, string id, Exception exception, long duration)
    {
        if (exception is ResponseException { StatusCode: >= 200 and <= 599 } response)
        {
            var answer = Answer.From(
                new Response { StatusCode = response.StatusCode, Body = response.Message });
            Reply.Send(connection, Line, id, answer, duration, _settings.LineMax);
            return;
        }
        Reply.Error(Line, id, exception, duration, _settings.LineMax);
        connection.Write(Line.Written);
    }

    // PROTOCOL 5.6; an error before the first piece is a whole reply, and comes out
    private async ValueTask SendPieces(
        Connection connection, string id, Answer answer, long duration, Channel channel)
    {
        var pieces = answer.Pieces!.GetAsyncEnumerator();
        await using (pieces.ConfigureAwait(false))
        {
            var more = await pieces.MoveNextAsync().ConfigureAwait(false);
            Reply.Head(Line, id, answer, null, duration, _settings.LineMax);
            connection.Write(Line.Written);
            try
            {
                while (more && SendPiece(connection, Answer.Piece(pieces.Current)))
                {
                    more = await pieces.MoveNextAsync().ConfigureAwait(false);
                }
                channel.Close();
                connection.Write(Protocol.End);
            }
            catch (Exception exception)
            {
                channel.Close();
                Reply.Error(Line, id, exception, duration, _settings.LineMax);
                connection.Write(Line.Written);
            }
        }
    }

    private static bool SendPiece(Connection connection, ReadOnlyMemory<byte> piece)
    {
        if (piece.Length == 0)
        {
            return true;
        }
        Protocol.Chunk(Line.Clear(), piece.Length);
        if (piece.Length <= 65536)
        {
            return connection.Write(Line.Raw(piece.Span).Written);
        }
        return connection.Write(Line.Written) && connection.Write(piece.Span);
    }

    // the child of a handler that forked came back from the handler
    private unsafe void LeaveChild()
    {
        if (*_parent == 0)
        {
            Libc._exit(0);
        }
    }
}
