package fn;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** What is under System.out and System.err: records of the event, else the descriptor. */
final class Output extends OutputStream {
    private static final OutputStream OUT = new FileOutputStream(FileDescriptor.out);
    private static final OutputStream ERR = new FileOutputStream(FileDescriptor.err);

    private final OutputStream real;
    private final int level;

    private Output(OutputStream real, int level) {
        this.real = real;
        this.level = level;
    }

    /** Puts an Output under System.out and System.err. */
    static void install() {
        System.setOut(stream(new Output(OUT, Protocol.INFO)));
        System.setErr(stream(new Output(ERR, Protocol.ERROR)));
    }

    private static PrintStream stream(Output output) {
        return new PrintStream(output, false, StandardCharsets.UTF_8);
    }

    @Override
    public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] data, int start, int size) throws IOException {
        Invocation invocation = Invocation.current.get();
        if (invocation == null) {
            real.write(data, start, size);
        } else {
            invocation.print(level, data, start, size);
        }
    }

    /** Past the events, to the descriptor of a level. */
    static void write(int level, String text) {
        try {
            (level < Protocol.ERROR ? OUT : ERR).write(text.getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            // there is no other place to say it
        }
    }
}
