package fn;

import io.nuclio.Response;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The line of a response. */
final class ReplyTests {
    private static final byte[] ID = {'i'};

    private ReplyTests() {}

    private static String line(Response response) {
        Line line = new Line();
        Reply.response(line, ID, response, 7, 16384);
        return new String(line.toBytes(), StandardCharsets.UTF_8);
    }

    private static String expected(int status, String headers, String body) {
        return "{\"type\":\"response\",\"id\":\"i\",\"status\":" + status + ",\"headers\":{"
                + headers + "}," + body + ",\"duration_us\":7}\n";
    }

    private static void invalid(String name, Response response, String why) {
        Tests.test("reply: " + name, () -> Tests.equal(Tests.failure(() -> line(response)), why));
    }

    private static Response header(String name, Object value) {
        return new Response().setHeaders(Collections.singletonMap(name, value));
    }

    static void run() {
        String plain = "\"Content-Type\":\"text/plain\"";
        Tests.test("reply: the form that nginx reads fast", () ->
                Tests.equal(line(new Response().setBody("hello")),
                        expected(200, plain, "\"body_length\":5")));
        Tests.test("reply: nothing", () -> {
            String empty = expected(200, plain, "\"body_length\":0");
            Tests.equal(line(null), empty);
            Tests.equal(line(new Response()), empty);
            Tests.equal(line(new Response().setBody((String) null)), empty);
            Tests.equal(line(new Response().setBody((byte[]) null)), empty);
            Tests.equal(line(new Response().setHeaders(null)), empty);
            Tests.equal(line(header("a", null)), empty);
            Tests.equal(line(header("a", List.of())), empty);
        });
        Tests.test("reply: JSON", () -> Tests.equal(
                line(new Response().setContentType("x").setBody((Object) List.of(1))),
                expected(200, "\"Content-Type\":\"application/json\"", "\"body_length\":3")));
        Tests.test("reply: an object that is text, bytes or a stream", () -> {
            Tests.equal(new Response().setBody((Object) "a").isJson(), false);
            Tests.equal(new Response().setBody((Object) new byte[1]).isJson(), false);
            Tests.isTrue(new Response().setBody((Object) new ByteArrayInputStream(ID))
                    .getStream() != null, "no stream");
        });
        Tests.test("reply: a stream", () -> Tests.equal(
                line(new Response().setBody(new ByteArrayInputStream(ID))),
                expected(200, plain, "\"stream\":true")));
        Tests.test("reply: content types", () -> {
            Response typed = header("content-TYPE", "text/html");
            Tests.equal(line(typed),
                    expected(200, "\"Content-Type\":\"text/html\"", "\"body_length\":0"));
            Tests.equal(line(typed.setContentType("a/b")),
                    expected(200, "\"Content-Type\":\"a/b\"", "\"body_length\":0"));
        });
        Tests.test("reply: header values", () -> {
            Map<String, Object> headers = new LinkedHashMap<>();
            headers.put("A", 7L);
            headers.put("B", true);
            headers.put("C", Arrays.asList("x", null, 2));
            headers.put("D", new Object[] {"y"});
            headers.put("E", "\u00e9\t\"\\");
            headers.put("F", new byte[] {(byte) 0xff});
            Tests.equal(line(new Response().setHeaders(headers).setStatusCode(599)),
                    expected(599, plain + ",\"A\":\"7\",\"B\":\"true\",\"C\":[\"x\",\"2\"],\"D\":\"y\","
                            + "\"E\":\"\\u00c3\\u00a9\\u0009\\\"\\\\\",\"F\":\"\\u00ff\"",
                            "\"body_length\":0"));
        });
        invalid("status", new Response().setStatusCode(600),
                "status code must be from 200 to 599, not 600");
        invalid("low status", new Response().setStatusCode(-1),
                "status code must be from 200 to 599, not -1");
        invalid("header name", header("a:", "b"), "invalid header name \"a:\"");
        invalid("empty header name", header("", "b"), "invalid header name \"\"");
        invalid("null header name", header(null, "b"), "invalid header name \"null\"");
        invalid("name that is not ASCII", header("\u0661", "b"), "invalid header name \"\u0661\"");
        invalid("header value", header("a", "b\n"), "invalid value of header a");
        invalid("header value DEL", header("a", "\177"), "invalid value of header a");
        invalid("header object", header("a", Map.of()),
                "header a must be a string, not a java.util.ImmutableCollections$MapN");
        invalid("large header", header("a", "x".repeat(8193)),
                "header a has more than 8192 bytes");
        invalid("many lines", header("a", Collections.nCopies(100, "x")),
                "more than 100 header lines");
        invalid("long line", header("a", Collections.nCopies(99, "x".repeat(200))),
                "the response's headers need more than 16384 bytes");
    }
}
