package fn;

import fn.Protocol.Violation;
import io.nuclio.EventHandler;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Runs the events of a handler in FN_CONCURRENCY threads.
 *
 * <p>The threads take turns: the one that leads waits for an event, reads it, lets the next one
 * lead, and runs it. So an event is read only by a thread that runs it at once (PROTOCOL 4.4), it
 * never changes threads, and a single thread needs no other.
 */
final class Server {
    private final Door door;
    private final Selector selector = Selector.open();
    private final ReentrantLock leader = new ReentrantLock();
    private volatile boolean stopping;

    // of the thread that leads
    private final ByteBuffer in = ByteBuffer.allocateDirect(Connection.PIECE);
    private final Queue<Connection> ready = new ArrayDeque<>(); // with bytes that are not read yet
    private boolean knocked;

    /** A connection and what came on it. */
    static final class Arrival {
        Connection connection;
        WireEvent event;
    }

    Server(Door door) throws IOException {
        this.door = door;
        door.listener.register(selector, SelectionKey.OP_ACCEPT);
    }

    /** Returns when nginx said stop and the events in flight have ended. */
    void run(EventHandler handler, Settings settings) {
        for (int i = 1; i < settings.concurrency; i++) {
            new Thread(() -> work(new Worker(handler, settings)), "fn " + (i + 1)).start();
        }
        work(new Worker(handler, settings));
    }

    /** PROTOCOL 2.3; called by any thread. */
    void stop() {
        stopping = true;
        selector.wakeup();
    }

    private void work(Worker worker) {
        Arrival arrival = new Arrival();
        try {
            while (take(arrival)) {
                Connection connection = arrival.connection;
                worker.serve(connection, arrival.event);
                arrival.event = null; // or its body would stay until the next one
                if (connection.end() || stopping) {
                    selector.wakeup();
                }
            }
        } catch (IOException | RuntimeException | Error e) {
            e.printStackTrace(); // the process is of no use any more
            Runtime.getRuntime().halt(1);
        }
    }

    /** Waits for an event; false: there will be none. */
    private boolean take(Arrival arrival) throws IOException {
        leader.lock();
        try {
            for (;;) {
                for (Connection one = ready.poll(); one != null; one = ready.poll()) {
                    if (receive(one, arrival)) {
                        return true;
                    }
                }
                if (knocked) {
                    accept();
                }
                if (stopping && isOver()) {
                    return false;
                }
                selector.select(this::note);
                Thread.interrupted(); // or select() would never wait again
            }
        } finally {
            leader.unlock();
        }
    }

    private void note(SelectionKey key) {
        Connection connection = (Connection) key.attachment();
        if (connection == null) {
            knocked = true;
        } else if (connection.isWanted()) {
            ready.add(connection);
        }
    }

    private boolean receive(Connection connection, Arrival arrival) {
        try {
            arrival.event = connection.receive(in);
            if (arrival.event == null) {
                return false;
            }
            arrival.connection = connection;
            connection.begin();
            return true;
        } catch (IOException | OutOfMemoryError e) {
            if (e instanceof Violation || e instanceof Error) {
                Invocation.printRecord(Protocol.ERROR, "connection closed: " + e);
            }
            connection.close();
            return false;
        }
    }

    private void accept() {
        knocked = false;
        if (stopping) {
            return;
        }
        try {
            SocketChannel channel = door.listener.accept();
            if (channel != null) {
                if (channel.getRemoteAddress() instanceof InetSocketAddress) {
                    channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
                }
                new Connection(channel, selector);
            }
        } catch (IOException e) {
            Invocation.printRecord(Protocol.ERROR, "accept() failed: " + e.getMessage());
            pause(); // too many open files do not pass at once
        }
    }

    private static void pause() {
        try {
            Thread.sleep(50);
        } catch (InterruptedException e) {
            // a handler's business, and its event is over
        }
    }

    /** Closes what is idle (PROTOCOL 2.3), and says whether that was the last. */
    private boolean isOver() throws IOException {
        door.listener.close();
        for (SelectionKey key : selector.keys()) {
            Connection connection = (Connection) key.attachment();
            if (connection != null && connection.isIdle()) {
                connection.close();
            }
        }
        selector.selectNow(key -> { }); // forgets the closed ones
        return selector.keys().isEmpty();
    }
}
