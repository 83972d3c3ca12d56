package fn;

import io.nuclio.Event;
import io.nuclio.TriggerInfo;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An event from nginx, PROTOCOL 4. What is rarely asked for is made when it is. */
final class WireEvent implements Event {
    private static final byte[] EMPTY = {};

    final EventLine line;
    private byte[] body = EMPTY;
    private Map<String, Object> headers;
    private Map<String, Object> fields;
    private String path;

    WireEvent(EventLine line) {
        this.line = line;
    }

    void setBody(byte[] body) {
        this.body = body;
    }

    @Override
    public String getID() {
        return Text.latin1(line.id, 0, line.id.length);
    }

    @Override
    public TriggerInfo getTriggerInfo() {
        String name = line.triggerName();
        return new TriggerInfo() {
            @Override
            public String getClassName() {
                return null;
            }

            @Override
            public String getKindName() {
                return "http";
            }

            @Override
            public String getName() {
                return name;
            }
        };
    }

    @Override
    public String getContentType() {
        String type = getHeaderString("Content-Type");
        return type == null ? "" : type;
    }

    @Override
    public byte[] getBody() {
        return body;
    }

    @Override
    public Object getBodyObject() {
        return body;
    }

    @Override
    public Object getHeader(String name) {
        return getHeaderString(name);
    }

    @Override
    public String getHeaderString(String name) {
        byte[] value = getHeaderBytes(name);
        return value == null ? null : Text.of(value);
    }

    @Override
    public byte[] getHeaderBytes(String name) {
        List<byte[]> values = line.headers().get(canonical(name));
        return values == null ? null : values.get(values.size() - 1);
    }

    @Override
    public long getHeaderLong(String name) {
        return number(getHeaderString(name));
    }

    @Override
    public Map<String, Object> getHeaders() {
        if (headers == null) {
            headers = new LinkedHashMap<>();
            line.headers().forEach((name, values) -> headers.put(name, texts(values)));
        }
        return headers;
    }

    private static Object texts(List<byte[]> values) {
        if (values.size() == 1) {
            return Text.of(values.get(0));
        }
        List<String> texts = new ArrayList<>();
        values.forEach(value -> texts.add(Text.of(value)));
        return texts;
    }

    /** The form in which names of headers come, PROTOCOL 4.2. */
    private static String canonical(String name) {
        StringBuilder text = new StringBuilder(name);
        boolean first = true;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c >= 'A' && c <= 'Z' && !first) {
                text.setCharAt(i, (char) (c + ('a' - 'A')));
            } else if (c >= 'a' && c <= 'z' && first) {
                text.setCharAt(i, (char) (c - ('a' - 'A')));
            }
            first = c == '-';
        }
        return text.toString();
    }

    private static long number(String text) {
        try {
            return text == null ? 0 : Long.parseLong(text.trim());
        } catch (NumberFormatException e) {
            return 0;
        }
    }

    @Override
    public Object getField(String name) {
        return getFieldString(name);
    }

    @Override
    public String getFieldString(String name) {
        return (String) getFields().get(name);
    }

    @Override
    public byte[] getFieldBytes(String name) {
        String value = getFieldString(name);
        return value == null ? null : value.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public long getFieldLong(String name) {
        return number(getFieldString(name));
    }

    @Override
    public Map<String, Object> getFields() {
        if (fields == null) {
            fields = line.query.length == 0 ? Collections.emptyMap() : parse(line.query);
        }
        return fields;
    }

    private static Map<String, Object> parse(byte[] query) {
        Map<String, Object> fields = new LinkedHashMap<>();
        for (String pair : Text.latin1(query, 0, query.length).split("&")) {
            int equals = pair.indexOf('=');
            String name = equals < 0 ? pair : pair.substring(0, equals);
            if (!pair.isEmpty()) {
                fields.put(decode(name), equals < 0 ? "" : decode(pair.substring(equals + 1)));
            }
        }
        return fields;
    }

    /** Percent signs are themselves where no two hexadecimal digits follow. */
    private static String decode(String text) {
        byte[] bytes = new byte[text.length()];
        int size = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '+') {
                c = ' ';
            } else if (c == '%' && i + 2 < text.length()) {
                int high = Character.digit(text.charAt(i + 1), 16);
                int low = Character.digit(text.charAt(i + 2), 16);
                if (high >= 0 && low >= 0) {
                    c = (char) (high << 4 | low);
                    i += 2;
                }
            }
            bytes[size++] = (byte) c;
        }
        return Text.of(Arrays.copyOf(bytes, size));
    }

    @Override
    public Date getTimestamp() {
        return new Date(line.milliseconds);
    }

    @Override
    public String getPath() {
        if (path == null) {
            path = Text.of(line.path);
        }
        return path;
    }

    @Override
    public String getURL() {
        return "";
    }

    @Override
    public String getMethod() {
        return line.method;
    }

    @Override
    public long getShardID() {
        return -1;
    }

    @Override
    public long getTotalNumShards() {
        return 0;
    }

    @Override
    public String getType() {
        return "";
    }

    @Override
    public String getTypeVersion() {
        return "";
    }

    @Override
    public String getVersion() {
        return "";
    }
}
