package io.nuclio;

/**
 * Records of the function.
 *
 * <p>The methods of the first kind format as String.format() does. Those of the second kind take
 * the message as it is, and names and values by turns: infoWith("done", "rows", 12).
 */
public interface Logger {
    void error(String format, Object... args);

    void warn(String format, Object... args);

    void info(String format, Object... args);

    void debug(String format, Object... args);

    void errorWith(String message, Object... with);

    void warnWith(String message, Object... with);

    void infoWith(String message, Object... with);

    void debugWith(String message, Object... with);
}
