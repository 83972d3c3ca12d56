package fn;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The lines of log records and errors. */
final class LogTests {
    private static final int MAX = 4096;

    private LogTests() {}

    private static JsonObject log(String message, Map<String, Object> with) {
        Line line = Protocol.log(new Line(), Protocol.INFO, message, with, MAX);
        return parsed(line);
    }

    private static JsonObject parsed(Line line) {
        Tests.isTrue(line.size <= MAX, "a line of " + line.size + " bytes");
        String text = new String(line.toBytes(), StandardCharsets.UTF_8);
        Tests.equal(text.indexOf('\n'), text.length() - 1);
        return JsonParser.parseString(text).getAsJsonObject();
    }

    private static String with(Object value) {
        Map<String, Object> map = new HashMap<>();
        map.put("a", value);
        return log("m", map).get("with").toString();
    }

    static void run() {
        Tests.test("log: values", () -> {
            Tests.equal(with(null), "{\"a\":null}");
            Tests.equal(with(1.5f), "{\"a\":1.5}");
            Tests.equal(with(Double.NaN), "{\"a\":\"NaN\"}");
            Tests.equal(with(new int[] {1, 2}), "{\"a\":[1,2]}");
            Tests.equal(with(new Object[0]), "{\"a\":[]}");
            Tests.equal(with(Long.MIN_VALUE), "{\"a\":-9223372036854775808}");
            Tests.equal(with(BigInteger.ONE.shiftLeft(63)), "{\"a\":\"9223372036854775808\"}");
            Tests.equal(with("\ud800x\u0000"), "{\"a\":\"?x\\u0000\"}");
            Tests.equal(with(Map.of(1, true)), "{\"a\":{\"1\":true}}");
        });
        Tests.test("log: a value whose toString() fails", () -> Tests.isTrue(
                with(new Object() {
                    @Override
                    public String toString() {
                        throw new IllegalStateException();
                    }
                }).startsWith("{\"a\":\"<fn.LogTests"), "no name"));
        Tests.test("log: names that are the same on the wire", () -> {
            Map<Object, Object> inner = new LinkedHashMap<>();
            inner.put("1", "first");
            inner.put(1, "second");
            inner.put("\0", "third");
            Tests.equal(with(inner), "{\"a\":{\"1\":\"first\",\" \":\"third\"}}");
            Map<String, Object> map = new LinkedHashMap<>();
            map.put("x".repeat(1000), 1);
            map.put("x".repeat(1001), 2);
            Tests.equal(log("m", map).getAsJsonObject("with").size(), 1);
        });
        Tests.test("log: what holds itself", () -> {
            List<Object> list = new ArrayList<>();
            list.add(list);
            list.add(list);
            with(list);
            Map<String, Object> map = new HashMap<>();
            map.put("self", map);
            with(map);
        });
        Tests.test("log: shortened", () -> {
            for (String text : List.of("x", "\u00e9", "\ud83d\ude00", "\u0001", "\"")) {
                for (int size = 0; size < 9000; size += size < 20 ? 1 : 97) {
                    String long_ = text.repeat(size);
                    JsonObject record = log(long_, Map.of("a", long_, "b", List.of(long_)));
                    String message = record.get("message").getAsString();
                    Tests.isTrue(message.equals(long_) || message.endsWith("..."), message);
                    Tests.isTrue(!message.contains("?"), message);
                }
            }
        });
        Tests.test("error: shortened", () -> {
            for (int size = 0; size < 9000; size += 89) {
                Throwable error = new IllegalStateException("\u00e9".repeat(size));
                error.setStackTrace(new StackTraceElement[] {
                    new StackTraceElement("", "java.base", "", "java.util.List", "of", "L.java", 1),
                    new StackTraceElement("fn.Worker", "run", "Worker.java", 1)
                });
                JsonObject reply =
                        parsed(Protocol.error(new Line(), new byte[] {'i'}, error, 1, MAX));
                Tests.equal(reply.get("error").getAsString(), "java.lang.IllegalStateException");
                String stack = reply.get("stack").getAsString();
                Tests.isTrue(stack.contains("at java.base/java.util."), stack);
                Tests.isTrue(!stack.contains("fn.Worker"), stack);
            }
        });
        Tests.test("error: without a message, or with one that fails", () -> {
            Tests.equal(Stack.message(new Error()), "");
            Tests.equal(Stack.message(new Error() {
                @Override
                public String getMessage() {
                    throw new IllegalStateException();
                }
            }), "<java.lang.IllegalStateException>");
        });
        Tests.test("refusal: at most 4096 bytes", () -> {
            byte[] line = Protocol.refusal(new Error("x\n".repeat(5000)));
            Tests.isTrue(line.length <= 4096 && line[line.length - 1] == '\n', "too long");
        });
    }
}
