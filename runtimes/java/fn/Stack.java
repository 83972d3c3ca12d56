package fn;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;

/** What is said of something that a handler threw. */
final class Stack {
    private static final String OWN = Stack.class.getPackageName() + ".";

    private static final int HEAD_MAX = 500;

    private Stack() {}

    static String message(Throwable error) {
        try {
            String message = error.getMessage();
            return message == null ? "" : message;
        } catch (Throwable e) { // it is user code
            return "<" + e.getClass().getName() + ">";
        }
    }

    /** As printStackTrace() writes it, without the frames of the runtime that called. */
    static String trace(Throwable error) {
        try {
            StackTraceElement[] frames = error.getStackTrace();
            int count = frames.length;
            while (count > 0 && frames[count - 1].getClassName().startsWith(OWN)) {
                count--;
            }
            error.setStackTrace(Arrays.copyOf(frames, count));
            StringWriter text = new StringWriter();
            error.printStackTrace(new PrintWriter(text));
            return shortened(text.toString(), error.toString());
        } catch (Throwable e) {
            return "<" + e.getClass().getName() + ">";
        }
    }

    /** A trace whose first words are not so long that they take the frames' room. */
    private static String shortened(String trace, String head) {
        return head.length() > HEAD_MAX && trace.startsWith(head)
                ? head.substring(0, HEAD_MAX) + "..." + trace.substring(head.length())
                : trace;
    }
}
