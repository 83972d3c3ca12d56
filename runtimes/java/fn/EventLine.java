package fn;

import fn.Protocol.Violation;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The line of an event, PROTOCOL 4.1.
 *
 * <p>Byte strings (3.5) are kept as bytes. Headers are checked at once, but taken out of the line
 * only when somebody asks.
 */
final class EventLine {
    private static final byte[] EMPTY = {};
    private static final String GET = "GET";
    private static final String POST = "POST";

    byte[] id;
    String method;
    byte[] path;
    byte[] query = EMPTY;
    long milliseconds;
    String remoteAddress = "";
    long startBy = -1;
    int logLevel = -1;
    long bodyLength;

    private final byte[] data;
    private final int end;
    private int at;
    private int headersAt = -1;
    private int triggerAt = -1;
    private Map<String, List<byte[]>> headers;

    /**
     * Reads data up to end, where the LF is.
     *
     * @throws Violation it is no event
     */
    EventLine(byte[] data, int end) throws Violation {
        this.data = data;
        this.end = end;
        try {
            read();
        } catch (ArrayIndexOutOfBoundsException e) {
            throw invalid();
        }
    }

    private Violation invalid() {
        return new Violation("invalid event at byte " + at);
    }

    private void read() throws Violation {
        take('{');
        do {
            String name = Text.of(byteString());
            take(':');
            field(name);
        } while (more('}'));
        space();
        if (at != end || id == null || method == null || path == null) {
            throw invalid();
        }
    }

    private void field(String name) throws Violation {
        switch (name) {
            case "id":
                id = id();
                break;
            case "method":
                method = method();
                break;
            case "path":
                path = byteString();
                break;
            case "query":
                query = byteString();
                break;
            case "headers":
                headersAt = at;
                headers(null);
                break;
            case "timestamp":
                milliseconds = time();
                break;
            case "remote_addr":
                remoteAddress = Text.of(byteString());
                break;
            case "trigger":
                triggerAt = at;
                skip(1);
                break;
            case "start_by":
                startBy = count();
                break;
            case "log_level":
                logLevel = Protocol.level(Text.of(byteString()));
                break;
            case "body_length":
                bodyLength = count();
                break;
            case "type":
                throw invalid();
            default:
                skip(1);
        }
    }

    /** The headers' names, in their order, and their values. */
    Map<String, List<byte[]>> headers() {
        if (headers == null) {
            headers = new LinkedHashMap<>();
            if (headersAt >= 0) {
                at = headersAt;
                try {
                    headers(headers);
                } catch (Violation e) {
                    throw new IllegalStateException(e); // it was read before
                }
            }
        }
        return headers;
    }

    String triggerName() {
        try {
            at = triggerAt;
            if (at >= 0 && peek() == '{') {
                take('{');
                do {
                    String name = Text.of(byteString());
                    take(':');
                    if (name.equals("name")) {
                        return Text.of(byteString());
                    }
                    skip(2);
                } while (more('}'));
            }
        } catch (Violation | ArrayIndexOutOfBoundsException e) {
            return "";
        }
        return "";
    }

    // values

    private byte[] id() throws Violation {
        byte[] text = byteString();
        if (text.length < 1 || text.length > 64) {
            throw invalid();
        }
        for (byte b : text) {
            if ((b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && (b < '0' || b > '9')
                    && b != '-' && b != '_') {
                throw invalid();
            }
        }
        return text;
    }

    private String method() throws Violation {
        String text = Text.of(byteString());
        return text.equals(GET) ? GET : text.equals(POST) ? POST : text;
    }

    /** Checks headers; puts them into map, when there is one. */
    private void headers(Map<String, List<byte[]>> map) throws Violation {
        take('{');
        if (peek() == '}') {
            at++;
            return;
        }
        do {
            String name = map == null ? skipString() : Text.of(byteString());
            take(':');
            List<byte[]> values = map == null ? null : new ArrayList<>(1);
            if (peek() == '[') {
                at++;
                do {
                    value(values);
                } while (more(']'));
            } else {
                value(values);
            }
            if (map != null) {
                map.put(name, values);
            }
        } while (more('}'));
    }

    private void value(List<byte[]> values) throws Violation {
        if (values == null) {
            skipString();
        } else {
            values.add(byteString());
        }
    }

    /** An integer from 0. */
    private long count() throws Violation {
        int start = at;
        peek();
        long number = digits();
        if (at == start || data[at] == '.' || data[at] == 'e' || data[at] == 'E') {
            throw invalid();
        }
        return number;
    }

    private long digits() throws Violation {
        int start = at;
        long number = 0;
        while (data[at] >= '0' && data[at] <= '9') {
            number = number * 10 + data[at++] - '0';
        }
        if (at == start || at - start > 18) {
            throw invalid();
        }
        return number;
    }

    /** A number of seconds, in milliseconds. */
    private long time() throws Violation {
        peek();
        int start = at;
        long number = digits() * 1000;
        if (data[at] == '.') {
            at++;
            for (int unit = 100; data[at] >= '0' && data[at] <= '9'; unit /= 10) {
                number += unit * (data[at++] - '0');
            }
        }
        if (data[at] == 'e' || data[at] == 'E') {
            at = start;
            skip(1);
            return (long) (Double.parseDouble(Text.latin1(data, start, at - start)) * 1000);
        }
        return number;
    }

    // JSON

    private void space() {
        while (data[at] == ' ' || data[at] == '\t' || data[at] == '\r') {
            at++;
        }
    }

    private byte peek() {
        space();
        return data[at];
    }

    private void take(char c) throws Violation {
        if (peek() != c) {
            throw invalid();
        }
        at++;
    }

    /** Whether a comma follows, not the closing bracket. */
    private boolean more(char close) throws Violation {
        byte c = peek();
        at++;
        if (c != ',' && c != close) {
            throw invalid();
        }
        return c == ',';
    }

    /** A string that holds a character for each byte (3.5). */
    private byte[] byteString() throws Violation {
        take('"');
        int start = at;
        while (plain(data[at])) {
            at++;
        }
        if (data[at] == '"') {
            return Arrays.copyOfRange(data, start, at++);
        }
        at = start - 1;
        skipString();
        return unescape(start, at - 1);
    }

    private static boolean plain(byte b) {
        return b >= 0x20 && b != '"' && b != '\\';
    }

    /** Checks a byte string. */
    private String skipString() throws Violation {
        take('"');
        for (;;) {
            byte b = data[at++];
            if (plain(b)) {
                continue;
            }
            if (b == '"') {
                return null;
            } else if (b == '\\') {
                escape();
            } else if ((b & 0xfe) == 0xc2 && (data[at] & 0xc0) == 0x80) {
                at++;
            } else {
                throw invalid();
            }
        }
    }

    /** Reads what follows a backslash: a character up to 255. */
    private int escape() throws Violation {
        byte c = data[at++];
        int simple = "\"\\/bfnrt".indexOf(c);
        if (simple >= 0) {
            return "\"\\/\b\f\n\r\t".charAt(simple);
        }
        int code = 0;
        for (int i = 0; i < 4; i++) {
            int digit = Character.digit(data[at++], 16);
            if (digit < 0) {
                throw invalid();
            }
            code = code << 4 | digit;
        }
        if (c != 'u' || code > 0xff) {
            throw invalid();
        }
        return code;
    }

    private byte[] unescape(int start, int stop) throws Violation {
        byte[] bytes = new byte[stop - start];
        int size = 0;
        at = start;
        while (at < stop) {
            byte b = data[at++];
            if (b == '\\') {
                b = (byte) escape();
            } else if (b < 0) {
                b = (byte) ((b & 3) << 6 | data[at++] & 0x3f);
            }
            bytes[size++] = b;
        }
        at = stop + 1;
        return Arrays.copyOf(bytes, size);
    }

    /** Skips a value of a field that nobody knows. */
    private void skip(int depth) throws Violation {
        byte c = peek();
        if (c == '"') {
            skipText();
        } else if (c == '{' || c == '[') {
            char close = c == '{' ? '}' : ']';
            at++;
            if (depth >= Protocol.DEPTH_MAX) {
                throw invalid();
            }
            if (peek() == close) {
                at++;
                return;
            }
            do {
                if (c == '{') {
                    peek();
                    skipText();
                    take(':');
                }
                skip(depth + 1);
            } while (more(close));
        } else {
            skipWord();
        }
    }

    private void skipText() throws Violation {
        take('"');
        int start = at;
        while (data[at] != '"') {
            at += data[at] == '\\' ? 2 : 1;
        }
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(data, start, at - start));
        } catch (CharacterCodingException e) {
            throw invalid();
        }
        at++;
    }

    private void skipWord() throws Violation {
        int start = at;
        while (Character.isLetterOrDigit(data[at]) || "+-.".indexOf(data[at]) >= 0) {
            at++;
        }
        if (!Text.latin1(data, start, at - start).matches(
                "true|false|null|-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")) {
            throw invalid();
        }
    }
}
