package fn;

import com.google.gson.JsonObject;
import io.nuclio.EventHandler;
import io.nuclio.Response;
import java.io.IOException;
import java.io.InputStream;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Events over sockets, one and several at the same time. */
final class ServerTests {
    private static Path directory;
    private static int count;

    private ServerTests() {}

    /** A server in this process. */
    private static final class Running implements AutoCloseable {
        private final Path path = directory.resolve("server" + count++);
        private final Server server;
        private final Thread thread;

        Running(int concurrency, EventHandler handler) throws Exception {
            server = new Server(Door.opened("unix:" + path));
            Settings settings =
                    new Settings(Map.of("FN_CONCURRENCY", String.valueOf(concurrency)));
            thread = new Thread(() -> server.run(handler, settings));
            thread.start();
        }

        SocketChannel connect() throws IOException {
            return SocketChannel.open(UnixDomainSocketAddress.of(path));
        }

        /** Whether it ends within a second. */
        boolean ends() throws InterruptedException {
            thread.join(1000);
            return !thread.isAlive();
        }

        @Override
        public void close() throws Exception {
            server.stop();
            Tests.isTrue(ends(), "the server goes on");
        }
    }

    private static void send(SocketChannel channel, String id, String more, byte[] body)
            throws IOException {
        String line = "{\"id\":\"" + id + "\",\"method\":\"POST\",\"path\":\"/" + id + "\"" + more
                + ",\"body_length\":" + body.length + "}\n";
        Pair.write(channel, line.getBytes(StandardCharsets.UTF_8));
        Pair.write(channel, body);
    }

    private static String answer(SocketChannel channel) throws IOException {
        JsonObject line = Pair.readLine(channel);
        if (!line.get("type").getAsString().equals("response")) {
            return line.get("type").getAsString();
        }
        byte[] body = Pair.readBytes(channel, line.get("body_length").getAsInt());
        return new String(body, StandardCharsets.UTF_8);
    }

    private static String ask(SocketChannel channel, String id) throws IOException {
        send(channel, id, "", new byte[0]);
        return answer(channel);
    }

    static void run(Path tests) {
        directory = tests;
        EventHandler path = (context, event) -> new Response().setBody(event.getPath());
        Tests.test("server: many events, many connections", () -> {
            for (int concurrency : new int[] {1, 3}) {
                try (Running running = new Running(concurrency, path)) {
                    manyClients(running);
                }
            }
        });
        Tests.test("server: bodies of all sizes, both ways", () -> {
            EventHandler echo = (context, event) -> new Response().setBody(event.getBody());
            try (Running running = new Running(1, echo); SocketChannel one = running.connect()) {
                for (int size : new int[] {0, 1, 65535, 65536, 65537, 131072, 5_000_000}) {
                    byte[] body = new byte[size];
                    new Random(size).nextBytes(body);
                    Thread sender = new Thread(() -> {
                        try {
                            send(one, "a", "", body);
                        } catch (IOException e) {
                            throw new IllegalStateException(e);
                        }
                    });
                    sender.start();
                    JsonObject line = Pair.readLine(one);
                    Tests.equal(line.get("body_length").getAsInt(), size);
                    Tests.equal(Pair.readBytes(one, size), body);
                    sender.join();
                }
            }
        });
        Tests.test("server: start_by", () -> {
            try (Running running = new Running(1, path); SocketChannel one = running.connect()) {
                long now = System.nanoTime() / 1_000_000;
                send(one, "a", ",\"start_by\":" + (now - 1), new byte[0]);
                Tests.equal(answer(one), "expired");
                send(one, "b", ",\"start_by\":" + (now + 10000), new byte[0]);
                Tests.equal(answer(one), "/b");
            }
        });
        Tests.test("server: no more at the same time than FN_CONCURRENCY", ServerTests::limit);
        Tests.test("server: stop waits for what runs, and closes what is idle", ServerTests::stops);
        Tests.test("server: garbage closes its connection alone", () -> {
            try (Running running = new Running(1, path); SocketChannel one = running.connect();
                    SocketChannel two = running.connect()) {
                Pair.write(one, "GET / HTTP/1.1\n".getBytes(StandardCharsets.UTF_8));
                Tests.equal(one.read(ByteBuffer.allocate(1)), -1);
                Tests.equal(ask(two, "b"), "/b");
            }
        });
        Tests.test("server: an interrupted thread goes on", () -> {
            EventHandler interrupted = (context, event) -> {
                Thread.currentThread().interrupt();
                context.getLogger().debug("not sent");
                return path.handleEvent(context, event);
            };
            try (Running running = new Running(1, interrupted);
                    SocketChannel one = running.connect()) {
                Tests.equal(ask(one, "a"), "/a");
                Tests.equal(ask(one, "b"), "/b");
            }
        });
        Tests.test("server: a stream that is never closed by its reader", ServerTests::streams);
    }

    private static void manyClients(Running running) throws Exception {
        AtomicInteger right = new AtomicInteger();
        Thread[] clients = new Thread[8];
        for (int i = 0; i < clients.length; i++) {
            String name = "c" + i + "-";
            clients[i] = new Thread(() -> {
                try (SocketChannel channel = running.connect()) {
                    for (int k = 0; k < 300; k++) {
                        if (ask(channel, name + k).equals("/" + name + k)) {
                            right.incrementAndGet();
                        }
                    }
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                }
            });
            clients[i].start();
        }
        for (Thread client : clients) {
            client.join();
        }
        Tests.equal(right.get(), 2400);
    }

    /** PROTOCOL 4.4 */
    private static void limit() throws Exception {
        Semaphore begun = new Semaphore(0);
        Semaphore may = new Semaphore(0);
        EventHandler waits = (context, event) -> {
            begun.release();
            may.acquireUninterruptibly();
            return null;
        };
        try (Running running = new Running(2, waits)) {
            SocketChannel[] all = new SocketChannel[4];
            for (int i = 0; i < all.length; i++) {
                all[i] = running.connect();
                send(all[i], "a" + i, "", new byte[0]);
            }
            Tests.isTrue(begun.tryAcquire(2, 5, TimeUnit.SECONDS), "two do not begin");
            Tests.isTrue(!begun.tryAcquire(200, TimeUnit.MILLISECONDS), "a third one begins");
            may.release(1);
            Tests.isTrue(begun.tryAcquire(5, TimeUnit.SECONDS), "the third one never begins");
            all[0].close(); // while its event runs, perhaps
            may.release(3);
            for (int i = 1; i < all.length; i++) {
                Tests.equal(answer(all[i]), "");
                all[i].close();
            }
        }
    }

    private static void stops() throws Exception {
        for (int concurrency = 1; concurrency < 3; concurrency++) {
            CountDownLatch begun = new CountDownLatch(1);
            CountDownLatch may = new CountDownLatch(1);
            EventHandler waits = (context, event) -> {
                if (event.getID().equals("idle")) {
                    return null;
                }
                begun.countDown();
                try {
                    may.await();
                } catch (InterruptedException e) {
                    return null;
                }
                return new Response().setBody("done");
            };
            Running running = new Running(concurrency, waits);
            SocketChannel busy = running.connect();
            SocketChannel idle = running.connect();
            Tests.equal(ask(idle, "idle"), "");
            send(busy, "a", "", new byte[0]);
            begun.await();
            running.server.stop();
            if (concurrency > 1) { // else the only thread is busy
                Tests.equal(idle.read(ByteBuffer.allocate(1)), -1);
            }
            may.countDown();
            Tests.equal(answer(busy), "done");
            Tests.isTrue(running.ends(), "the server goes on");
            Tests.equal(busy.read(ByteBuffer.allocate(1)), -1);
            Tests.equal(idle.read(ByteBuffer.allocate(1)), -1);
        }
    }

    private static void streams() throws Exception {
        AtomicInteger closed = new AtomicInteger();
        EventHandler endless = (context, event) -> new Response().setBody(new InputStream() {
            @Override
            public int read() {
                return 'x';
            }

            @Override
            public void close() {
                closed.incrementAndGet();
            }
        });
        try (Running running = new Running(1, endless)) {
            SocketChannel one = running.connect();
            send(one, "a", "", new byte[0]);
            Tests.equal(Pair.readLine(one).get("stream").getAsBoolean(), true);
            one.close();
            for (int i = 0; i < 100 && closed.get() == 0; i++) {
                Thread.sleep(10);
            }
            Tests.equal(closed.get(), 1);
        }
    }
}
