package fn;

import io.nuclio.Context;
import io.nuclio.Logger;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * An event while its handler runs: what the handler gets to log with, and where that goes.
 *
 * <p>Threads of the handler may log as well. When the event is over, a record belongs to the one
 * that the calling thread runs then, or to none.
 */
final class Invocation implements Context, Logger {
    /** The event that a thread runs; null outside. */
    static final ThreadLocal<Invocation> current = new ThreadLocal<>();

    private static final int PIECE = 1024; // characters of a printed record: nginx shows 1800 bytes

    private final Connection connection;
    private final ByteBuffer out;
    private final int level;
    private final Settings settings;
    private boolean over; // guarded by this, as are connection and out
    /** By level: what was printed without the end of its line. */
    private final ByteArrayOutputStream[] unfinished = new ByteArrayOutputStream[4];

    Invocation(Connection connection, ByteBuffer out, int level, Settings settings) {
        this.connection = connection;
        this.out = out;
        this.level = level;
        this.settings = settings;
    }

    @Override
    public Logger getLogger() {
        return this;
    }

    // the reply

    synchronized void write(Line line, byte[] body, int length) throws IOException {
        connection.write(out, line, body, length);
    }

    /** Sends the end of the reply. */
    synchronized void finish(Line line, byte[] body) throws IOException {
        for (int level = 0; level < unfinished.length; level++) {
            if (unfinished[level] != null && unfinished[level].size() > 0) {
                endLine(level, unfinished[level]);
            }
        }
        over = true;
        connection.write(out, line, body, body.length);
    }

    // records

    /** The event that a record belongs to now; null: none. */
    private Invocation now() {
        return isOver() ? current.get() : this;
    }

    private boolean isWanted(int level) {
        Invocation now = now();
        return level >= (now == null ? settings.logLevel : now.level);
    }

    private void log(int level, String message, Map<String, Object> with) {
        with.put("worker_id", settings.slot);
        Invocation now = now();
        if (now == null || !now.send(level, message, with)) {
            printRecord(level, message + " " + json(with));
        }
    }

    private synchronized boolean isOver() {
        return over;
    }

    /** False: the record has no event, or nginx is not there. */
    private synchronized boolean send(int level, String message, Map<String, Object> with) {
        if (over) {
            return false;
        }
        try {
            Line line = Protocol.log(new Line(), level, message, with, settings.lineMax);
            connection.write(out, line);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private static String json(Map<String, Object> with) {
        Line line = new Line();
        Json.write(line, with, Protocol.DEPTH_MAX, Integer.MAX_VALUE);
        return Text.of(line.toBytes());
    }

    /** A record outside of any event: one line on standard error. */
    static void printRecord(int level, String text) {
        String line = Protocol.levelName(level) + " " + text.replace("\n", "\\n") + "\n";
        Output.write(Protocol.ERROR, line);
    }

    /** What the handler's thread printed: a record for each line (PROTOCOL 7.3). */
    void print(int level, byte[] data, int start, int size) {
        if (level < this.level) {
            return;
        }
        ByteArrayOutputStream line = unfinished[level];
        if (line == null) {
            line = unfinished[level] = new ByteArrayOutputStream();
        }
        for (int i = start; i < start + size; i++) {
            if (data[i] == '\n' || line.size() > 4 * PIECE && data[i] >= 0) {
                endLine(level, line);
            }
            if (data[i] != '\n') {
                line.write(data[i]);
            }
        }
    }

    private void endLine(int level, ByteArrayOutputStream line) {
        String text = Text.of(line.toByteArray());
        line.reset();
        int end = text.endsWith("\r") ? text.length() - 1 : text.length();
        int at = 0;
        do {
            int next = Math.min(at + PIECE, end);
            if (next < end && Character.isLowSurrogate(text.charAt(next))) {
                next--;
            }
            String piece = text.substring(at, next);
            if (!send(level, piece, Collections.emptyMap())) {
                Output.write(level, piece + "\n");
            }
            at = next;
        } while (at < end);
    }

    // Logger

    private void format(int level, String format, Object[] args) {
        if (isWanted(level)) {
            log(level, formatted(format, args), new LinkedHashMap<>());
        }
    }

    private static String formatted(String format, Object[] args) {
        try {
            return String.format(format, args);
        } catch (Throwable e) {
            // a percent sign that was meant as such, or arguments without one
            StringBuilder text = new StringBuilder(Text.of((Object) format));
            for (Object arg : args == null ? new Object[0] : args) {
                text.append(' ').append(Text.of(arg));
            }
            return text.toString();
        }
    }

    private void with(int level, String message, Object[] with) {
        if (isWanted(level)) {
            Map<String, Object> map = new LinkedHashMap<>();
            for (int i = 0; with != null && i < with.length; i += 2) {
                map.put(Text.of(with[i]), i + 1 < with.length ? with[i + 1] : null);
            }
            log(level, Text.of((Object) message), map);
        }
    }

    @Override
    public void error(String format, Object... args) {
        format(Protocol.ERROR, format, args);
    }

    @Override
    public void warn(String format, Object... args) {
        format(Protocol.WARN, format, args);
    }

    @Override
    public void info(String format, Object... args) {
        format(Protocol.INFO, format, args);
    }

    @Override
    public void debug(String format, Object... args) {
        format(Protocol.DEBUG, format, args);
    }

    @Override
    public void errorWith(String message, Object... with) {
        with(Protocol.ERROR, message, with);
    }

    @Override
    public void warnWith(String message, Object... with) {
        with(Protocol.WARN, message, with);
    }

    @Override
    public void infoWith(String message, Object... with) {
        with(Protocol.INFO, message, with);
    }

    @Override
    public void debugWith(String message, Object... with) {
        with(Protocol.DEBUG, message, with);
    }
}
