package fn;

import java.nio.file.Path;
import java.util.Objects;

/** Runs all tests: Tests VECTORS DIRECTORY. */
final class Tests {
    private static int count;
    private static int failed;

    /** A test; it passes when it throws nothing. */
    interface Body {
        void run() throws Throwable;
    }

    public static void main(String[] arguments) throws Exception {
        Path directory = Path.of(arguments[1]);
        Pair.directory = directory;
        VectorsTests.run(Path.of(arguments[0]));
        EventTests.run();
        ReplyTests.run();
        LogTests.run();
        InvocationTests.run();
        ServerTests.run(directory);
        LoaderTests.run(directory);
        System.out.println("1.." + count);
        System.exit(failed == 0 ? 0 : 1);
    }

    static void test(String name, Body body) {
        count++;
        try {
            body.run();
            System.out.println("ok - " + name);
        } catch (Throwable e) {
            failed++;
            System.out.println("not ok - " + name);
            e.printStackTrace();
        }
    }

    static void equal(Object found, Object expected) {
        if (!Objects.deepEquals(found, expected)) {
            throw new AssertionError("found " + found + ", expected " + expected);
        }
    }

    static void isTrue(boolean value, String what) {
        if (!value) {
            throw new AssertionError(what);
        }
    }

    /** The message of what body throws. */
    static String failure(Body body) {
        try {
            body.run();
        } catch (Throwable e) {
            return String.valueOf(e.getMessage());
        }
        throw new AssertionError("nothing was thrown");
    }
}
