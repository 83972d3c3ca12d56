package fn;

import fn.Protocol.Violation;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.Arrays;

/** A connection of nginx: events in, replies out. Its channel does not block. */
final class Connection {
    /** Bytes that are read or written at once. */
    static final int PIECE = 65536;

    private static final byte[] EMPTY = {};

    private final SocketChannel channel;
    private final SelectionKey key;
    private byte[] line = EMPTY; // the beginning of a line
    private WireEvent event; // the one whose body is not complete
    private byte[] body;
    private int filled;
    private boolean busy; // an event runs; guarded by this, as is parked
    private boolean parked;

    Connection(SocketChannel channel, Selector selector) throws IOException {
        this.channel = channel;
        channel.configureBlocking(false);
        key = channel.register(selector, SelectionKey.OP_READ, this);
    }

    // reading: by the thread that holds Server.leader

    /**
     * The event when all of it is there, else null.
     *
     * @throws IOException the connection is to be closed
     */
    WireEvent receive(ByteBuffer in) throws IOException {
        int count;
        do {
            in.clear();
            count = channel.read(in);
            if (count < 0) {
                throw new EOFException();
            }
            in.flip();
            WireEvent whole = count == 0 ? null : take(in);
            if (whole != null) {
                return whole;
            }
        } while (count == in.capacity());
        return null;
    }

    private WireEvent take(ByteBuffer in) throws IOException {
        if (event == null && !takeLine(in)) {
            return null;
        }
        int count = Math.min(in.remaining(), body.length - filled);
        in.get(body, filled, count);
        filled += count;
        if (in.hasRemaining()) {
            throw new Violation("bytes behind the event");
        }
        if (filled < body.length) {
            return null;
        }
        WireEvent whole = event;
        whole.setBody(body);
        event = null;
        body = null;
        return whole;
    }

    /** Whether the line is complete; what is behind it stays in the buffer. */
    private boolean takeLine(ByteBuffer in) throws IOException {
        int size = line.length;
        byte[] data = Arrays.copyOf(line, size + in.remaining());
        in.get(data, size, in.remaining());
        int end = size;
        while (end < data.length && data[end] != '\n') {
            end++;
        }
        if (end >= Protocol.EVENT_LINE_MAX) {
            throw new Violation("the event's line is too long");
        }
        if (end == data.length) {
            line = data;
            return false;
        }
        line = EMPTY;
        in.position(in.limit() - (data.length - end - 1));
        EventLine head = new EventLine(data, end);
        if (head.bodyLength > Integer.MAX_VALUE - 8) {
            throw new Violation("a body of " + head.bodyLength + " bytes is too large");
        }
        body = head.bodyLength == 0 ? EMPTY : new byte[(int) head.bodyLength];
        filled = 0;
        event = new WireEvent(head);
        return true;
    }

    // the event that runs

    /** No event has begun (PROTOCOL 2.3). */
    synchronized boolean isIdle() {
        return !busy && line.length == 0 && event == null;
    }

    synchronized void begin() {
        busy = true;
    }

    /** Whether to read; while an event runs only an end of file can come, and it can wait. */
    synchronized boolean isWanted() {
        if (busy) {
            parked = true;
            key.interestOps(0);
        }
        return !busy;
    }

    /** The reply is sent. True: the selector has to look again. */
    synchronized boolean end() {
        busy = false;
        if (!parked) {
            return false;
        }
        parked = false;
        try {
            key.interestOps(SelectionKey.OP_READ);
        } catch (CancelledKeyException e) {
            return false;
        }
        return true;
    }

    // writing: by the thread that runs the event

    /** Sends a line and the body behind it; out is the thread's own. */
    void write(ByteBuffer out, Line line, byte[] body, int length) throws IOException {
        out.clear();
        put(out, line.data, line.size);
        put(out, body, length);
        flush(out);
    }

    void write(ByteBuffer out, Line line) throws IOException {
        write(out, line, EMPTY, 0);
    }

    private void put(ByteBuffer out, byte[] data, int size) throws IOException {
        int at = 0;
        while (size - at > out.remaining()) {
            int count = out.remaining();
            out.put(data, at, count);
            at += count;
            flush(out);
        }
        out.put(data, at, size - at);
    }

    private void flush(ByteBuffer out) throws IOException {
        out.flip();
        channel.write(out);
        while (out.hasRemaining()) {
            awaitWritable();
            channel.write(out);
        }
        out.clear();
    }

    private void awaitWritable() throws IOException {
        try (Selector selector = Selector.open()) {
            channel.register(selector, SelectionKey.OP_WRITE);
            selector.select();
            Thread.interrupted(); // or select() would never wait again
        }
    }

    void close() {
        try {
            channel.close();
        } catch (IOException e) {
            // nobody is left to tell
        }
    }
}
