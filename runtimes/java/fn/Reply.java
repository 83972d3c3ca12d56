package fn;

import io.nuclio.Response;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** From a handler's response to its line, PROTOCOL 5.3 and 6. */
final class Reply {
    private static final int NAME_MAX = 256;
    private static final int VALUE_MAX = 8192;
    private static final int LINES_MAX = 100;
    private static final String TYPE = "Content-Type";
    private static final boolean[] TOKEN = new boolean[128];

    static {
        for (char c = '0'; c <= 'z'; c++) {
            TOKEN[c] = Character.isLetterOrDigit(c);
        }
        for (char c : "!#$%&'*+-.^_`|~".toCharArray()) {
            TOKEN[c] = true;
        }
    }

    private Reply() {}

    /**
     * Writes the line; the caller sends the body behind it.
     *
     * @throws RuntimeException what makes no sense: the handler's failure (7.1)
     */
    static void response(Line line, byte[] id, Response response, long micros, int lineMax) {
        if (response == null) {
            response = new Response();
        }
        long status = response.getStatusCode();
        if (status < 200 || status > 599) {
            throw new IllegalArgumentException(
                    "status code must be from 200 to 599, not " + status);
        }
        line.ascii("{\"type\":\"response\",\"id\":\"").bytes(id);
        line.ascii("\",\"status\":").number(status).ascii(",\"headers\":{");
        headers(line, response, lineMax);
        if (response.getStream() != null) {
            line.ascii("},\"stream\":true");
        } else {
            line.ascii("},\"body_length\":").number(response.getBody().length);
        }
        line.ascii(",\"duration_us\":").number(micros).ascii("}\n");
        check(line, lineMax);
    }

    private static void check(Line line, int lineMax) {
        if (line.size > lineMax) {
            throw new IllegalArgumentException(
                    "the response's headers need more than " + lineMax + " bytes");
        }
    }

    private static void headers(Line line, Response response, int lineMax) {
        Map<String, Object> headers = response.getHeaders();
        if (headers == null) {
            headers = Collections.emptyMap();
        }
        line.ascii("\"Content-Type\":").byteString(contentType(response, headers));
        int lines = 1;
        for (Map.Entry<String, Object> header : headers.entrySet()) {
            String name = header.getKey();
            checkName(name);
            List<byte[]> values = values(name, header.getValue());
            if (values.isEmpty() || name.equalsIgnoreCase(TYPE)) {
                continue;
            }
            lines += values.size();
            if (lines > LINES_MAX) {
                throw new IllegalArgumentException("more than " + LINES_MAX + " header lines");
            }
            line.ascii(",\"").ascii(name).ascii("\":");
            write(line, values);
            check(line, lineMax);
        }
    }

    private static byte[] contentType(Response response, Map<String, Object> headers) {
        String type = response.getContentType();
        if (response.isJson()) {
            type = "application/json";
        } else if (!response.hasContentType() && !headers.isEmpty()) {
            for (Map.Entry<String, Object> header : headers.entrySet()) {
                List<byte[]> values = values(header.getKey(), header.getValue());
                if (TYPE.equalsIgnoreCase(header.getKey()) && !values.isEmpty()) {
                    return values.get(values.size() - 1);
                }
            }
        }
        return value(TYPE, type);
    }

    private static void write(Line line, List<byte[]> values) {
        if (values.size() == 1) {
            line.byteString(values.get(0));
            return;
        }
        String mark = "[";
        for (byte[] value : values) {
            line.ascii(mark).byteString(value);
            mark = ",";
        }
        line.ascii("]");
    }

    private static void checkName(String name) {
        boolean valid = name != null && !name.isEmpty() && name.length() <= NAME_MAX;
        for (int i = 0; valid && i < name.length(); i++) {
            char c = name.charAt(i);
            valid = c < 128 && TOKEN[c];
        }
        if (!valid) {
            throw new IllegalArgumentException("invalid header name \"" + name + "\"");
        }
    }

    /** The lines of a header; null is none. */
    private static List<byte[]> values(String name, Object value) {
        if (value == null) {
            return Collections.emptyList();
        }
        if (value instanceof Object[]) {
            value = Arrays.asList((Object[]) value);
        }
        if (!(value instanceof Collection)) {
            return Collections.singletonList(value(name, value));
        }
        List<byte[]> values = new ArrayList<>();
        for (Object one : (Collection<?>) value) {
            if (one != null) {
                values.add(value(name, one));
            }
        }
        return values;
    }

    private static byte[] value(String name, Object value) {
        byte[] bytes;
        if (value instanceof byte[]) {
            bytes = (byte[]) value;
        } else if (value instanceof String
                || value instanceof Number
                || value instanceof Boolean
                || value instanceof Character) {
            bytes = value.toString().getBytes(StandardCharsets.UTF_8);
        } else {
            throw new IllegalArgumentException(
                    "header " + name + " must be a string, not a " + value.getClass().getName());
        }
        if (bytes.length > VALUE_MAX) {
            throw new IllegalArgumentException(
                    "header " + name + " has more than " + VALUE_MAX + " bytes");
        }
        for (byte b : bytes) {
            if (b >= 0 && b < 0x20 && b != '\t' || b == 0x7f) {
                throw new IllegalArgumentException("invalid value of header " + name);
            }
        }
        return bytes;
    }
}
