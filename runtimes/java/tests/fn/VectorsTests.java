package fn;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import fn.Protocol.Violation;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntUnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The event cases of ../../../vectors, through the code that reads from a socket. */
final class VectorsTests {
    private VectorsTests() {}

    static void run(Path vectors) throws IOException {
        List<Path> cases;
        try (Stream<Path> all = Files.walk(vectors, 3)) {
            cases = all.filter(p -> p.endsWith("event") && Files.isRegularFile(p)).sorted()
                    .collect(Collectors.toList());
        }
        Tests.test("vectors: there are some", () -> Tests.isTrue(cases.size() > 70, "too few"));
        for (Path path : cases) {
            String name = vectors.relativize(path.getParent()).toString();
            check(path, name + ", whole", size -> Connection.PIECE);
            check(path, name + ", byte by byte", size -> size < 4096 ? 1 : 1009);
            check(path, name + ", halves", size -> Math.min(size / 2 + 1, Connection.PIECE));
        }
    }

    private static void check(Path path, String name, IntUnaryOperator pieceOf) {
        Tests.test(
                name,
                () -> {
                    byte[] data = Files.readAllBytes(path);
                    String expect =
                            Files.readString(path.resolveSibling("expect"), StandardCharsets.UTF_8);
                    JsonObject seen = seen(data, pieceOf.applyAsInt(data.length));
                    Tests.equal(seen, normal(JsonParser.parseString(expect)));
                });
    }

    /** What a handler can see of data that comes in pieces. */
    private static JsonObject seen(byte[] data, int piece) throws IOException {
        JsonObject result = new JsonObject();
        try (Pair pair = new Pair()) {
            WireEvent event = null;
            for (int at = 0; at < data.length; at += piece) {
                Tests.isTrue(event == null, "an event too early");
                int end = Math.min(at + piece, data.length);
                Pair.write(pair.nginx, Arrays.copyOfRange(data, at, end));
                event = pair.receive();
            }
            if (event == null) {
                pair.nginx.close();
                event = pair.receive();
            }
            return described(event);
        } catch (EOFException e) {
            result.addProperty("incomplete", true);
        } catch (Violation e) {
            result.addProperty("invalid", true);
        }
        return result;
    }

    private static JsonObject described(WireEvent event) {
        EventLine line = event.line;
        JsonObject object = new JsonObject();
        object.addProperty("id", event.getID());
        object.addProperty("method", event.getMethod());
        object.addProperty("path", latin1(line.path));
        object.addProperty("query", latin1(line.query));
        JsonObject headers = new JsonObject();
        line.headers().forEach((name, values) -> headers.add(name, header(values)));
        object.add("headers", headers);
        object.addProperty("timestamp", event.getTimestamp().getTime());
        object.addProperty("remote_addr", line.remoteAddress);
        JsonObject trigger = new JsonObject();
        trigger.addProperty("kind", event.getTriggerInfo().getKindName());
        trigger.addProperty("name", event.getTriggerInfo().getName());
        object.add("trigger", trigger);
        object.addProperty("start_by", Math.max(line.startBy, 0));
        if (line.logLevel >= 0) {
            object.addProperty("log_level", Protocol.levelName(line.logLevel));
        }
        object.addProperty("body", latin1(event.getBody()));
        return object;
    }

    private static JsonElement header(List<byte[]> values) {
        if (values.size() == 1) {
            return new JsonPrimitive(latin1(values.get(0)));
        }
        JsonArray array = new JsonArray();
        values.forEach(value -> array.add(latin1(value)));
        return array;
    }

    private static String latin1(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }

    /** With the time in milliseconds, names as text, and an array of one as the header. */
    private static JsonElement normal(JsonElement expect) {
        JsonObject object = expect.getAsJsonObject();
        if (object.has("timestamp")) {
            long millis = object.get("timestamp").getAsBigDecimal().movePointRight(3).longValue();
            object.addProperty("timestamp", millis);
            object.addProperty("start_by", object.get("start_by").getAsLong());
            JsonObject headers = object.getAsJsonObject("headers");
            for (String name : List.copyOf(headers.keySet())) {
                JsonElement value = headers.remove(name);
                boolean isOne = value.isJsonArray() && value.getAsJsonArray().size() == 1;
                headers.add(
                        Text.of(name.getBytes(StandardCharsets.ISO_8859_1)),
                        isOne ? value.getAsJsonArray().get(0) : value);
            }
        }
        return object;
    }
}
