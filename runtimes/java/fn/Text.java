package fn;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** From bytes and objects to text. */
final class Text {
    private Text() {}

    /** UTF-8, or Latin-1 when it is not. */
    static String of(byte[] bytes) {
        for (byte b : bytes) {
            if (b < 0) {
                return decoded(bytes);
            }
        }
        return latin1(bytes, 0, bytes.length);
    }

    private static String decoded(byte[] bytes) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            return latin1(bytes, 0, bytes.length);
        }
    }

    static String latin1(byte[] bytes, int start, int length) {
        return new String(bytes, start, length, StandardCharsets.ISO_8859_1);
    }

    /** String.valueOf(); the value's own code may fail. */
    static String of(Object value) {
        try {
            return String.valueOf(value);
        } catch (Throwable e) {
            return "<" + value.getClass().getName() + ">";
        }
    }
}
