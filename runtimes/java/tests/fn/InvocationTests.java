package fn;

import com.google.gson.JsonObject;
import io.nuclio.Logger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Records of a running event. */
final class InvocationTests {
    private static final Settings SETTINGS = new Settings(Map.of("FN_SLOT", "3"));

    private InvocationTests() {}

    private interface Body {
        void run(Invocation invocation, Pair pair) throws Throwable;
    }

    private static void test(String name, int level, Body body) {
        Tests.test("invocation: " + name, () -> {
            try (Pair pair = new Pair()) {
                ByteBuffer out = ByteBuffer.allocateDirect(Connection.PIECE);
                body.run(new Invocation(pair.connection, out, level, SETTINGS), pair);
            }
        });
    }

    private static void next(Pair pair, String level, String message) throws Exception {
        JsonObject record = Pair.readLine(pair.nginx);
        Tests.equal(record.get("level").getAsString(), level);
        Tests.equal(record.get("message").getAsString(), message);
    }

    private static void print(Invocation invocation, int level, String text) {
        byte[] data = text.getBytes(StandardCharsets.UTF_8);
        invocation.print(level, data, 0, data.length);
    }

    static void run() {
        test("levels", Protocol.WARN, (invocation, pair) -> {
            Logger logger = invocation.getLogger();
            logger.debug("a");
            logger.info("b");
            logger.infoWith("c");
            print(invocation, Protocol.INFO, "d\n");
            logger.warn("e");
            logger.errorWith("f");
            next(pair, "warn", "e");
            next(pair, "error", "f");
        });
        test("formats", Protocol.DEBUG, (invocation, pair) -> {
            Logger logger = invocation.getLogger();
            logger.info("%s is %d", "a", 1);
            next(pair, "info", "a is 1");
            logger.info("100%");
            next(pair, "info", "100%");
            logger.info("100% %d", "x");
            next(pair, "info", "100% %d x");
            logger.info(null, (Object[]) null);
            next(pair, "info", "null");
            logger.debugWith("%d", "odd");
            JsonObject record = Pair.readLine(pair.nginx);
            Tests.equal(record.get("message").getAsString(), "%d");
            Tests.equal(record.get("with").toString(), "{\"odd\":null,\"worker_id\":\"3\"}");
        });
        test("printed lines", Protocol.INFO, (invocation, pair) -> {
            print(invocation, Protocol.INFO, "a");
            print(invocation, Protocol.ERROR, "err");
            print(invocation, Protocol.INFO, "b\r\n\nc");
            next(pair, "info", "ab");
            next(pair, "info", "");
            invocation.finish(new Line().ascii("{\"level\":\"x\",\"message\":\"y\"}\n"), new byte[0]);
            next(pair, "info", "c");
            next(pair, "error", "err");
            next(pair, "x", "y");
        });
        test("a long printed line", Protocol.INFO, (invocation, pair) -> {
            print(invocation, Protocol.INFO, "\u00e9".repeat(1500) + "\n");
            next(pair, "info", "\u00e9".repeat(1024));
            next(pair, "info", "\u00e9".repeat(476));
            print(invocation, Protocol.INFO, "x".repeat(10000));
            next(pair, "info", "x".repeat(1024));
        });
        test("a record from another thread", Protocol.INFO, (invocation, pair) -> {
            Thread thread = new Thread(() -> invocation.getLogger().info("there"));
            thread.start();
            thread.join();
            next(pair, "info", "there");
        });
        test("a logger that was kept", Protocol.INFO, (old, pair) -> {
            old.finish(new Line().ascii("{\"level\":\"x\",\"message\":\"y\"}\n"), new byte[0]);
            next(pair, "x", "y");
            ByteBuffer out = ByteBuffer.allocateDirect(Connection.PIECE);
            try (Pair other = new Pair()) {
                Invocation.current.set(
                        new Invocation(other.connection, out, Protocol.DEBUG, SETTINGS));
                old.debug("of the new event");
                next(other, "debug", "of the new event");
            } finally {
                Invocation.current.set(null);
            }
            old.debug("of none: not in the way of the connection");
            old.getLogger().warn("expected: a record of no event");
            pair.connection.close();
            Tests.equal(pair.nginx.read(ByteBuffer.allocate(1)), -1);
        });
        test("a client that is gone", Protocol.INFO, (invocation, pair) -> {
            pair.nginx.close();
            invocation.getLogger().info("expected: a record of no connection");
        });
    }
}
