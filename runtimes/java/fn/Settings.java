package fn;

import java.util.Map;

/** What the process is told, PROTOCOL 1.2. */
final class Settings {
    final String target;
    /** null: the default. */
    final String entry;

    final String slot;
    final int concurrency;
    final int logLevel;
    final int lineMax;
    /** Where compiled sources are kept; null: the default. */
    final String cache;

    Settings(Map<String, String> environment) {
        if (!environment.getOrDefault("FN_PROTOCOL", "1").equals("1")) {
            throw new IllegalArgumentException(
                    "unknown protocol \"" + environment.get("FN_PROTOCOL") + "\"");
        }
        target = get(environment, "FN_TARGET", null);
        entry = get(environment, "FN_ENTRY", null);
        slot = get(environment, "FN_SLOT", "0");
        concurrency = Integer.parseInt(get(environment, "FN_CONCURRENCY", "1"));
        logLevel = Protocol.level(get(environment, "FN_LOG_LEVEL", "info"));
        lineMax = Integer.parseInt(get(environment, "FN_LINE_MAX", "16384"));
        cache = get(environment, "FN_CACHE", null);
    }

    private static String get(Map<String, String> environment, String name, String absent) {
        String value = environment.get(name);
        return value == null || value.isEmpty() ? absent : value;
    }
}
