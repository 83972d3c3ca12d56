package fn;

import java.lang.reflect.Array;
import java.math.BigInteger;
import java.util.AbstractList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Values of a log record as the JSON that nginx reads, PROTOCOL 3.3 and 5.2. */
final class Json {
    private Json() {}

    /**
     * Writes any value; what JSON has not is its text.
     *
     * @param depth how deep values may be nested, from 0
     * @param end stops behind this size: the caller looks
     */
    static void write(Line line, Object value, int depth, int end) {
        if (value == null || value instanceof Boolean) {
            line.ascii(String.valueOf(value));
        } else if (value instanceof Number && isNumber((Number) value)) {
            line.ascii(value.toString());
        } else if (value instanceof Map && depth > 0) {
            object(line, (Map<?, ?>) value, depth - 1, end);
        } else if (value instanceof Collection && depth > 0) {
            array(line, (Collection<?>) value, depth - 1, end);
        } else if (value.getClass().isArray() && depth > 0) {
            array(line, asList(value), depth - 1, end);
        } else {
            line.string(Text.of(value));
        }
    }

    /** Writes a member's name; false: it stands already in the object, and nothing was written. */
    static boolean name(Line line, Set<String> names, Object key, int room) {
        int start = line.size;
        line.string(Text.of(key).replace('\0', ' '), room);
        if (names.add(Text.latin1(line.data, start, line.size - start))) {
            return true;
        }
        line.size = start;
        return false;
    }

    private static boolean isNumber(Number value) {
        if (value instanceof Double || value instanceof Float) {
            return Double.isFinite(value.doubleValue());
        }
        if (value instanceof BigInteger) {
            return ((BigInteger) value).bitLength() < 64;
        }
        return value instanceof Long
                || value instanceof Integer
                || value instanceof Short
                || value instanceof Byte;
    }

    private static void object(Line line, Map<?, ?> map, int depth, int end) {
        Set<String> names = new HashSet<>();
        line.ascii("{");
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            int start = line.size;
            line.ascii(names.isEmpty() ? "" : ",");
            if (!name(line, names, entry.getKey(), Integer.MAX_VALUE)) {
                line.size = start;
                continue;
            }
            write(line.ascii(":"), entry.getValue(), depth, end);
            if (line.size > end) {
                return;
            }
        }
        line.ascii("}");
    }

    private static void array(Line line, Collection<?> values, int depth, int end) {
        String mark = "";
        line.ascii("[");
        for (Object value : values) {
            write(line.ascii(mark), value, depth, end);
            mark = ",";
            if (line.size > end) {
                return;
            }
        }
        line.ascii("]");
    }

    private static List<Object> asList(Object array) {
        return new AbstractList<>() {
            @Override
            public Object get(int index) {
                return Array.get(array, index);
            }

            @Override
            public int size() {
                return Array.getLength(array);
            }
        };
    }
}
