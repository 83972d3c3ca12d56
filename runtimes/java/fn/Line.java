package fn;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A line that is being written: JSON, byte by byte. */
final class Line {
    private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.ISO_8859_1);
    private static final String MORE = "...";

    byte[] data = new byte[1024];
    int size;

    Line clear() {
        size = 0;
        if (data.length > 1 << 18) {
            data = new byte[1024];
        }
        return this;
    }

    byte[] toBytes() {
        return Arrays.copyOf(data, size);
    }

    private void grow(int room) {
        if (data.length - size < room) {
            data = Arrays.copyOf(data, Math.max(data.length * 2, size + room));
        }
    }

    /** Text of ASCII alone, as it is. */
    @SuppressWarnings("deprecation") // the one method that copies without a detour
    Line ascii(String text) {
        int length = text.length();
        grow(length);
        text.getBytes(0, length, data, size);
        size += length;
        return this;
    }

    Line bytes(byte[] bytes) {
        grow(bytes.length);
        System.arraycopy(bytes, 0, data, size, bytes.length);
        size += bytes.length;
        return this;
    }

    Line number(long number) {
        if (number < 0) {
            return ascii(Long.toString(number));
        }
        int digits = 1;
        for (long rest = number; rest > 9; rest /= 10) {
            digits++;
        }
        grow(digits);
        size += digits;
        for (int at = size; digits > 0; digits--, number /= 10) {
            data[--at] = (byte) ('0' + number % 10);
        }
        return this;
    }

    /** Bytes as a string of one character a byte (PROTOCOL 3.5), escaped to ASCII. */
    Line byteString(byte[] bytes) {
        grow(bytes.length * 6 + 2);
        data[size++] = '"';
        for (byte b : bytes) {
            character(b & 0xff, true);
        }
        data[size++] = '"';
        return this;
    }

    /** A string of text, in UTF-8. */
    Line string(String text) {
        return string(text, Integer.MAX_VALUE);
    }

    /** The same, cut so that it takes at most room bytes (and at least 5). */
    Line string(String text, int room) {
        int start = size;
        int cut = start + 1; // where "..." has room
        grow(Math.min(text.length() + 16, 65536));
        data[size++] = '"';
        for (int i = 0; i < text.length(); i++) {
            grow(8);
            char c = text.charAt(i);
            if (Character.isHighSurrogate(c)
                    && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1))) {
                utf8(Character.toCodePoint(c, text.charAt(++i)));
            } else if (Character.isSurrogate(c)) {
                data[size++] = '?'; // no UTF-8 without its other half
            } else if (c < 0x80) {
                character(c, false);
            } else {
                utf8(c);
            }
            int used = size - start;
            if (used > room - 1) {
                size = cut;
                return ascii(MORE).ascii("\"");
            }
            if (used <= room - 1 - MORE.length()) {
                cut = size;
            }
        }
        return ascii("\"");
    }

    private void character(int c, boolean ascii) {
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            data[size++] = (byte) c;
        } else if (c == '"' || c == '\\') {
            data[size++] = '\\';
            data[size++] = (byte) c;
        } else if (c < 0x20 || ascii) {
            data[size++] = '\\';
            data[size++] = 'u';
            data[size++] = '0';
            data[size++] = '0';
            data[size++] = HEX[c >> 4];
            data[size++] = HEX[c & 0xf];
        } else {
            data[size++] = (byte) c;
        }
    }

    private void utf8(int c) {
        if (c < 0x800) {
            data[size++] = (byte) (0xc0 | c >> 6);
        } else {
            if (c < 0x10000) {
                data[size++] = (byte) (0xe0 | c >> 12);
            } else {
                data[size++] = (byte) (0xf0 | c >> 18);
                data[size++] = (byte) (0x80 | c >> 12 & 0x3f);
            }
            data[size++] = (byte) (0x80 | c >> 6 & 0x3f);
        }
        data[size++] = (byte) (0x80 | c & 0x3f);
    }
}
