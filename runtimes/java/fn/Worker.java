package fn;

import io.nuclio.EventHandler;
import io.nuclio.Response;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;

/** Runs events, one after the other, in one thread. */
final class Worker {
    private static final byte[] EMPTY = {};

    private final EventHandler handler;
    private final Settings settings;
    private final Line line = new Line();
    private final ByteBuffer out = ByteBuffer.allocateDirect(Connection.PIECE);

    Worker(EventHandler handler, Settings settings) {
        this.handler = handler;
        this.settings = settings;
    }

    /** Runs the handler and replies; a connection that fails is closed. */
    void serve(Connection connection, WireEvent event) {
        EventLine head = event.line;
        try {
            if (head.startBy >= 0 && System.nanoTime() / 1_000_000 > head.startBy) {
                connection.write(out, Protocol.expired(line.clear(), head.id));
                return;
            }
            int level = head.logLevel < 0 ? settings.logLevel : head.logLevel;
            Invocation invocation = new Invocation(connection, out, level, settings);
            Invocation.current.set(invocation);
            run(invocation, event);
        } catch (IOException e) {
            connection.close();
        } finally {
            Invocation.current.set(null);
        }
    }

    private void run(Invocation invocation, WireEvent event) throws IOException {
        byte[] id = event.line.id;
        byte[] body = EMPTY;
        InputStream stream = null;
        long start = System.nanoTime();
        try {
            Response response = handler.handleEvent(invocation, event);
            long micros = (System.nanoTime() - start) / 1000;
            Reply.response(line.clear(), id, response, micros, settings.lineMax);
            if (response != null) {
                body = response.getBody();
                stream = response.getStream();
            }
        } catch (Throwable error) {
            fail(id, error, (System.nanoTime() - start) / 1000);
        }
        if (stream == null) {
            invocation.finish(line, body);
        } else {
            stream(invocation, id, stream);
        }
    }

    private void fail(byte[] id, Throwable error, long micros) {
        Protocol.error(line.clear(), id, error, micros, settings.lineMax);
    }

    /** PROTOCOL 5.6; an error before the first piece is a whole reply. */
    private void stream(Invocation invocation, byte[] id, InputStream stream) throws IOException {
        byte[] piece = new byte[Connection.PIECE];
        try {
            for (int size = read(id, stream, piece); size >= 0; size = read(id, stream, piece)) {
                if (size > 0) {
                    invocation.write(Protocol.chunk(line, size), piece, size);
                    line.clear();
                }
            }
            invocation.finish(line, EMPTY);
        } finally {
            close(stream);
        }
    }

    /** What one read() gives, or -1 when the line holds how the reply ends. */
    private int read(byte[] id, InputStream stream, byte[] piece) {
        try {
            int size = stream.read(piece);
            if (size < 0) {
                line.ascii(Protocol.END);
            }
            return size;
        } catch (Throwable error) {
            fail(id, error, 0);
            return -1;
        }
    }

    private static void close(InputStream stream) {
        try {
            stream.close();
        } catch (Throwable e) {
            // user code, and nobody is left to tell
        }
    }
}
