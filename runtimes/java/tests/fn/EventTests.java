package fn;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** What a handler sees of an event. */
final class EventTests {
    private EventTests() {}

    private static WireEvent event(String members) throws Exception {
        String line = "{\"id\":\"a\",\"method\":\"GET\",\"path\":\"/\"" + members + "}";
        byte[] data = (line + "\n").getBytes(StandardCharsets.UTF_8);
        return new WireEvent(new EventLine(data, data.length - 1));
    }

    static void run() {
        Tests.test("event: defaults", () -> {
            WireEvent event = event("");
            Tests.equal(event.getContentType(), "");
            Tests.equal(event.getHeaders(), Map.of());
            Tests.equal(event.getFields(), Map.of());
            Tests.equal(event.getHeader("Host"), null);
            Tests.equal(event.getHeaderBytes("Host"), null);
            Tests.equal(event.getHeaderLong("Host"), 0L);
            Tests.equal(event.getField("a"), null);
            Tests.equal(event.getFieldBytes("a"), null);
            Tests.equal(event.getFieldLong("a"), 0L);
            Tests.equal(event.getURL(), "");
            Tests.equal(event.getShardID(), -1L);
            Tests.equal(event.getTotalNumShards(), 0L);
            Tests.equal(event.getBody().length, 0);
            Tests.equal(event.getTriggerInfo().getKindName(), "http");
            Tests.equal(event.getTriggerInfo().getClassName(), null);
        });
        Tests.test("event: headers", () -> {
            WireEvent event = event(",\"headers\":{\"X-Many\":[\"1\",\"2\"],\"Content-Type\":\"t\","
                    + "\"X-Utf\":\"\u00c3\u00a9\",\"X-Latin\":\"\u00e9\",\"X-N\":\" 12 \"}");
            Tests.equal(event.getHeader("x-many"), "2");
            Tests.equal(event.getHeaders().get("X-Many"), List.of("1", "2"));
            Tests.equal(event.getContentType(), "t");
            Tests.equal(event.getHeaderString("X-UTF"), "\u00e9");
            Tests.equal(event.getHeaderBytes("x-utf"), new byte[] {(byte) 0xc3, (byte) 0xa9});
            Tests.equal(event.getHeaders().get("X-Latin"), "\u00e9");
            Tests.equal(event.getHeaderLong("x-n"), 12L);
            Tests.equal(event.getHeaderLong("x-utf"), 0L);
        });
        Tests.test("event: fields", () -> {
            WireEvent event = event(",\"query\":\"a=1&b=x+y&a=2&c&=d&%C3%A9=%e9&p=%4&q=%zz&&n=7\"");
            Tests.equal(event.getField("a"), "2");
            Tests.equal(event.getFieldString("b"), "x y");
            Tests.equal(event.getField("c"), "");
            Tests.equal(event.getField(""), "d");
            Tests.equal(event.getField("\u00e9"), "\u00e9");
            Tests.equal(event.getField("p"), "%4");
            Tests.equal(event.getField("q"), "%zz");
            Tests.equal(event.getFieldLong("n"), 7L);
            Tests.equal(event.getFieldBytes("n"), new byte[] {'7'});
        });
        Tests.test("event: time", () -> {
            Tests.equal(event(",\"timestamp\":12.5").getTimestamp().getTime(), 12500L);
            Tests.equal(event(",\"timestamp\":12").getTimestamp().getTime(), 12000L);
            Tests.equal(event(",\"timestamp\":1.25e1").getTimestamp().getTime(), 12500L);
        });
        Tests.test("event: its own log level", () -> {
            Tests.equal(event(",\"log_level\":\"debug\"").line.logLevel, Protocol.DEBUG);
            Tests.equal(event("").line.logLevel, -1);
        });
        Tests.test("event: a line that ends early never runs over its end", () -> {
            byte[] whole = ("{\"id\":\"a\",\"method\":\"G\",\"path\":\"/\\u0041\",\"x\":[{\"y\":-1.5e3}],"
                    + "\"headers\":{\"A\":[\"b\"]},\"timestamp\":1.5,\"body_length\":0}\n")
                    .getBytes(StandardCharsets.UTF_8);
            for (int size = 1; size < whole.length - 1; size++) {
                byte[] data = new String(whole, 0, size, StandardCharsets.UTF_8).concat("\n")
                        .getBytes(StandardCharsets.UTF_8);
                Tests.failure(() -> new EventLine(data, data.length - 1));
            }
        });
    }
}
