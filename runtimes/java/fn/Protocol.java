package fn;

import java.io.IOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The lines that the runtime writes, but for the response's (Reply). */
final class Protocol {
    /** PROTOCOL 3.3 */
    static final int EVENT_LINE_MAX = 262144;

    static final int DEPTH_MAX = 32;
    static final String READY = "{\"type\":\"ready\",\"protocol\":1}\n";
    static final String END = "{\"type\":\"end\"}\n";

    static final int DEBUG = 0;
    static final int INFO = 1;
    static final int WARN = 2;
    static final int ERROR = 3;
    private static final List<String> LEVELS = List.of("debug", "info", "warn", "error");
    private static final int NAME_MAX = 256;

    private Protocol() {}

    /** nginx sent what PROTOCOL does not allow. */
    static final class Violation extends IOException {
        private static final long serialVersionUID = 1;

        Violation(String message) {
            super(message);
        }
    }

    /** The number of a level; of what is none, that of info. */
    static int level(String name) {
        int level = LEVELS.indexOf(name);
        return level < 0 ? INFO : level;
    }

    static String levelName(int level) {
        return LEVELS.get(level);
    }

    /** PROTOCOL 5.6 */
    static Line chunk(Line line, int length) {
        return line.ascii("{\"type\":\"chunk\",\"length\":").number(length).ascii("}\n");
    }

    /** PROTOCOL 5.7 */
    static Line expired(Line line, byte[] id) {
        return line.ascii("{\"type\":\"expired\",\"id\":\"").bytes(id).ascii("\"}\n");
    }

    /** PROTOCOL 5.8, shortened to lineMax bytes. */
    static Line error(Line line, byte[] id, Throwable error, long micros, int lineMax) {
        int end = line.size + lineMax - ",\"stack\":}\n".length();
        line.ascii("{\"type\":\"error\",\"id\":\"").bytes(id).ascii("\",\"error\":");
        line.string(error.getClass().getName(), NAME_MAX);
        line.ascii(",\"duration_us\":").number(micros).ascii(",\"message\":");
        line.string(Stack.message(error), (end - line.size) / 2);
        line.ascii(",\"stack\":").string(Stack.trace(error), end + 9 - line.size);
        return line.ascii("}\n");
    }

    /** PROTOCOL 5.2, shortened to lineMax bytes; with holds anything. */
    static Line log(Line line, int level, String message, Map<String, Object> with, int lineMax) {
        int end = line.size + lineMax - ",\"with\":{}}\n".length();
        line.ascii("{\"type\":\"log\",\"level\":\"").ascii(levelName(level));
        line.ascii("\",\"message\":").string(message, (end - line.size) / 2);
        if (!with.isEmpty()) {
            line.ascii(",\"with\":{");
            members(line, with, end + 8);
            line.ascii("}");
        }
        return line.ascii("}\n");
    }

    private static void members(Line line, Map<String, Object> with, int end) {
        Set<String> names = new HashSet<>();
        for (Map.Entry<String, Object> entry : with.entrySet()) {
            int start = line.size;
            line.ascii(names.isEmpty() ? "" : ",");
            if (!Json.name(line, names, entry.getKey(), NAME_MAX)) {
                line.size = start;
                continue;
            }
            value(line.ascii(":"), entry.getValue(), end);
            if (line.size > end) {
                line.size = start;
                return;
            }
        }
    }

    /** A value, or as much of it as there is room for, as a text. */
    private static void value(Line line, Object value, int end) {
        int start = line.size;
        Json.write(line, value, DEPTH_MAX - 2, end);
        if (line.size > end) {
            byte[] json = Arrays.copyOfRange(line.data, start, line.size);
            line.size = start;
            line.string(value instanceof String ? (String) value : Text.of(json), end - start);
        }
    }

    /** What says on the control socket why there is no "ready", PROTOCOL 2.2. */
    static byte[] refusal(Throwable error) {
        Line line = new Line().ascii("{\"type\":\"error\",\"error\":");
        line.string(error.getClass().getName(), NAME_MAX).ascii(",\"message\":");
        return line.string(Stack.message(error), 2048).ascii("}\n").toBytes();
    }
}
