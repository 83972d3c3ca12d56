import io.nuclio.Context;
import io.nuclio.Event;
import io.nuclio.EventHandler;
import io.nuclio.Logger;
import io.nuclio.Response;
import java.io.ByteArrayInputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/** The conformance handler, ../conformance/README. */
class Conformance implements EventHandler {
    private static final AtomicInteger COUNT = new AtomicInteger();

    /** nuclio's API for Java has no init_context: this is where a function begins. */
    Conformance() throws InterruptedException {
        String init = System.getenv().getOrDefault("CONFORMANCE_INIT", "");
        if (init.equals("fail")) {
            throw new IllegalStateException("init failed");
        }
        if (init.equals("slow")) {
            Thread.sleep(500);
        }
    }

    @Override
    public Response handleEvent(Context context, Event event) {
        String name = System.getenv("CONFORMANCE");
        if (name == null || name.isEmpty()) {
            name = event.getPath().substring(event.getPath().lastIndexOf('/') + 1);
        }
        try {
            Response response = answer(name, event);
            if (response == null) {
                response = fail(name);
            }
            if (response == null) {
                response = log(name, context.getLogger());
            }
            if (response == null) {
                response = disturb(name, event);
            }
            if (response != null || name.equals("nothing")) {
                return response;
            }
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
        String why = reason(name);
        return why == null ? text("unknown").setStatusCode(404) : text(why).setStatusCode(501);
    }

    /** Why nuclio's API for Java can't do it; null: nobody knows the name. */
    private static String reason(String name) {
        if (name.startsWith("status_") || name.equals("bad_status_text")) {
            return "a status needs a Response, and is a number";
        }
        switch (name) {
            case "bad_type":
                return "a content type is a String";
            case "raise_status":
                return "exceptions have no status";
            case "user_data":
            case "worker":
            case "context":
                return "the context has nothing but a logger";
            case "call":
                return "the context has no platform";
            case "fork":
                return "a Java process can't fork";
            default:
                return null;
        }
    }

    private static Response text(String text) {
        return new Response().setBody(text);
    }

    private static Response answer(String name, Event event) {
        switch (name) {
            case "event":
                return new Response().setBody(describe(event));
            case "echo":
                Response echo = new Response().setBody(event.getBody());
                String type = event.getContentType();
                return type.isEmpty() ? echo : echo.setContentType(type);
            case "header":
                String value = event.getHeaderString(event.getFieldString("name"));
                return text(value == null ? "" : value);
            case "text":
                return text("text \u00e9\n");
            case "bytes":
                return new Response().setBody(allBytes());
            case "empty_text":
                return text("");
            case "empty_bytes":
                return new Response().setBody(new byte[0]);
            case "object":
                return new Response().setBody(object());
            case "list":
                return new Response().setBody(list());
            case "number":
                return new Response().setBody((Object) 42);
            case "true":
                return new Response().setBody((Object) true);
            case "float":
                return new Response().setBody((Object) 1.5);
            case "count":
                return text(String.valueOf(COUNT.incrementAndGet()));
            default:
                return response(name, event);
        }
    }

    private static Response response(String name, Event event) {
        Response typed = new Response().setContentType("text/x-conformance");
        switch (name) {
            case "response":
                return typed.setStatusCode(201).setBody("response body")
                        .setHeaders(Map.of("h1", "v1", "h2", "v2"));
            case "response_bytes":
                return typed.setBody(allBytes());
            case "response_object":
                return typed.setBody(object());
            case "response_list":
                return typed.setBody(list());
            case "response_default":
                return new Response();
            case "response_204":
                return new Response().setStatusCode(204);
            case "headers":
                return new Response().setHeaders(
                        Map.of("One", "1", "Many", List.of("a", "b"), "Utf", "\u00e9", "Number", 7));
            case "set_cookie":
                return new Response().setHeaders(Map.of("Set-Cookie", List.of("a=1", "b=2")));
            case "managed":
                return text("managed").setHeaders(
                        Map.of(
                                "Connection", "close", "Content-Length", "999", "Server", "x",
                                "Transfer-Encoding", "chunked", "X-Accel-Redirect", "/x"));
            case "echo_headers":
                return new Response().setHeaders(event.getHeaders());
            case "header_type":
                return new Response().setHeaders(Map.of("Content-Type", "text/html"));
            case "large":
                return text("x".repeat((int) event.getFieldLong("size")));
            case "stream":
                return new Response().setBody(stream((int) event.getFieldLong("count")));
            case "stream_error":
                return new Response().setBody(failingStream());
            default:
                return nonsense(name);
        }
    }

    private static Response nonsense(String name) {
        Map<String, Object> headers = new HashMap<>();
        Response response = new Response().setHeaders(headers);
        switch (name) {
            case "bad_status":
                return response.setStatusCode(1000);
            case "bad_status_low":
                return response.setStatusCode(99);
            case "bad_type_line":
                return response.setContentType("text/plain\r\nX: y");
            case "bad_header_name":
                headers.put("a b", "c");
                return response;
            case "bad_header_value":
                headers.put("a", "b\r\nc: d");
                return response;
            case "many_headers":
                for (int i = 0; i < 101; i++) {
                    headers.put("h" + i, "x");
                }
                return response;
            case "large_header":
                headers.put("h", "x".repeat(9000));
                return response;
            case "wide_headers":
                for (int i = 0; i < 4; i++) {
                    headers.put("h" + i, "x".repeat(8000));
                }
                return response;
            default:
                return null;
        }
    }

    private static Response fail(String name) throws InterruptedException {
        switch (name) {
            case "raise":
                throw new IllegalStateException("some error");
            case "raise_long":
                throw new IllegalStateException("x".repeat(100000));
            case "raise_odd":
                throw new IllegalStateException("nul \0 lf \n esc \u001b smile \uD83D\uDE00");
            case "raise_other":
                throw new Error("thrown text");
            case "raise_exit":
                System.exit(3);
                return null;
            case "deep":
                return text(String.valueOf(deep(0)));
            case "memory":
                return text(String.valueOf(fill().size()));
            default:
                return null;
        }
    }

    private static int deep(int depth) {
        return deep(depth + 1) + 1;
    }

    private static List<byte[]> fill() {
        List<byte[]> blocks = new ArrayList<>();
        for (;;) {
            blocks.add(new byte[1 << 24]);
        }
    }

    private static Response log(String name, Logger logger) {
        String odd = "lf \n esc \u001b nul \0 smile \uD83D\uDE00";
        switch (name) {
            case "log":
                logger.debug("debug message");
                logger.info("info message");
                logger.warn("warn message");
                logger.error("error message");
                break;
            case "log_with":
                logger.errorWith("message with", "source", "rabbit", "weight", 7);
                break;
            case "log_odd":
                logger.infoWith(odd, "odd", odd);
                break;
            case "log_large":
                logger.infoWith("x".repeat(100000), "large", "x".repeat(100000));
                break;
            case "log_deep":
                Object deep = List.of();
                for (int i = 1; i < 100; i++) {
                    deep = List.of(deep);
                }
                logger.infoWith("deep", "deep", deep);
                break;
            case "print":
                System.out.println("out one");
                System.out.println("out two");
                System.err.println("err one");
                return text("printed");
            default:
                return null;
        }
        return text("logged");
    }

    private static Response disturb(String name, Event event)
            throws IOException, InterruptedException {
        switch (name) {
            case "sleep":
                Thread.sleep(event.getFieldLong("ms"));
                return text("slept");
            case "hang":
                Thread.sleep(Long.MAX_VALUE);
                return null;
            case "spin":
                for (;;) {
                    COUNT.get();
                }
            case "async":
                return later(() -> text("async"));
            case "async_raise":
                return later(
                        () -> {
                            throw new IllegalStateException("async error");
                        });
            case "stdin":
                return text(String.valueOf(System.in.readAllBytes().length));
            case "write":
                new FileOutputStream(FileDescriptor.out).write("raw\n".getBytes());
                new FileOutputStream(FileDescriptor.err).write("{\"type\":\"x\"}\n".getBytes());
                return text("written");
            case "close":
                System.in.close();
                System.out.close();
                System.err.close();
                new FileOutputStream(FileDescriptor.out).close();
                new FileOutputStream(FileDescriptor.err).close();
                return text("closed");
            case "descriptors":
                return new Response()
                        .setBody(start("ls", "-l", "/proc/self/fd").getInputStream().readAllBytes());
            case "orphan":
                return text(String.valueOf(start("sleep", "1000").pid()));
            case "signals":
                for (String signal : List.of("TERM", "INT", "HUP", "PIPE")) {
                    Signal.handle(new Signal(signal), SignalHandler.SIG_IGN);
                }
                return text("ignored");
            case "background":
                new Thread(Conformance::failLater).start();
                return text("started");
            case "exit":
                Runtime.getRuntime().halt((int) event.getFieldLong("code"));
                return null;
            case "kill":
                start("kill", "-9", String.valueOf(ProcessHandle.current().pid())).waitFor();
                return null;
            default:
                return null;
        }
    }

    private static Process start(String... command) throws IOException {
        return new ProcessBuilder(command).start();
    }

    private static Response later(Supplier<Response> answer) {
        Executor delayed = CompletableFuture.delayedExecutor(10, TimeUnit.MILLISECONDS);
        try {
            return CompletableFuture.supplyAsync(answer, delayed).join();
        } catch (CompletionException e) {
            throw (RuntimeException) e.getCause();
        }
    }

    private static void failLater() {
        try {
            Thread.sleep(50);
        } catch (InterruptedException e) {
            return;
        }
        throw new IllegalStateException("background error");
    }

    private static byte[] allBytes() {
        byte[] bytes = new byte[256];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) i;
        }
        return bytes;
    }

    private static Map<String, Object> object() {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("a", 1);
        object.put("b", "\u00e9");
        return object;
    }

    private static List<Object> list() {
        return Arrays.asList(1, "two", null, Map.of("three", 3));
    }

    /** A stream whose every read() is one piece. */
    private static InputStream stream(int count) {
        return new SequenceInputStream(
                new Enumeration<InputStream>() {
                    private int next;

                    @Override
                    public boolean hasMoreElements() {
                        return next < count;
                    }

                    @Override
                    public InputStream nextElement() {
                        return new ByteArrayInputStream(("piece " + next++ + "\n").getBytes());
                    }
                });
    }

    private static InputStream failingStream() {
        return new SequenceInputStream(
                new ByteArrayInputStream("first\n".getBytes()),
                new InputStream() {
                    @Override
                    public int read() {
                        throw new IllegalStateException("late error");
                    }
                });
    }

    private static Map<String, Object> describe(Event event) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("id", event.getID());
        object.put("method", event.getMethod());
        object.put("path", event.getPath());
        object.put("url", event.getURL());
        object.put("content_type", event.getContentType());
        object.put("type", event.getType());
        object.put("type_version", event.getTypeVersion());
        object.put("version", event.getVersion());
        object.put("headers", event.getHeaders());
        object.put("fields", event.getFields());
        object.put("size", event.getBody().length);
        object.put("shard_id", event.getShardID());
        object.put("num_shards", event.getTotalNumShards());
        object.put("timestamp", event.getTimestamp().getTime());
        object.put(
                "trigger",
                Map.of(
                        "kind", event.getTriggerInfo().getKindName(),
                        "name", event.getTriggerInfo().getName()));
        object.put("body", Base64.getEncoder().encodeToString(event.getBody()));
        Map<String, String> types = new LinkedHashMap<>();
        object.keySet().forEach(name -> types.put(name, "text"));
        for (String name : List.of("headers", "fields", "trigger")) {
            types.put(name, "object");
        }
        for (String name : List.of("size", "shard_id", "num_shards")) {
            types.put(name, "integer");
        }
        types.put("timestamp", "time");
        types.put("body", "bytes");
        object.put("types", types);
        return object;
    }
}
