package fn;

import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.net.InetSocketAddress;
import java.net.ProtocolFamily;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.spi.SelectorProvider;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import sun.misc.Signal;

/** Where nginx comes in: the listening socket and the control socket. */
final class Door {
    private static final int BACKLOG = 511;

    final ServerSocketChannel listener;
    private final FileDescriptor control; // null with --listen

    private Door(ServerSocketChannel listener, FileDescriptor control) throws IOException {
        this.listener = listener;
        this.control = control;
        listener.configureBlocking(false);
    }

    /** Descriptors 3 and 4, PROTOCOL 1.1. */
    static Door inherited() throws IOException, ReflectiveOperationException {
        return new Door(listener(descriptor(3)), descriptor(4));
    }

    /**
     * A unix socket that listens already. Java makes channels of descriptors only in its own
     * classes; the jar's manifest opens them (Add-Opens).
     */
    private static ServerSocketChannel listener(FileDescriptor fd)
            throws ReflectiveOperationException {
        Constructor<?> make =
                Class.forName("sun.nio.ch.ServerSocketChannelImpl")
                        .getDeclaredConstructor(
                                SelectorProvider.class,
                                ProtocolFamily.class,
                                FileDescriptor.class,
                                boolean.class);
        make.setAccessible(true);
        return (ServerSocketChannel)
                make.newInstance(
                        SelectorProvider.provider(), StandardProtocolFamily.UNIX, fd, true);
    }

    private static FileDescriptor descriptor(int number) throws ReflectiveOperationException {
        Method make = Class.forName("sun.nio.ch.IOUtil").getMethod("newFD", int.class);
        make.setAccessible(true);
        return (FileDescriptor) make.invoke(null, number);
    }

    /** unix:PATH or HOST:PORT, PROTOCOL 1.3. */
    static Door opened(String address) throws IOException {
        boolean unix = address.startsWith("unix:");
        ServerSocketChannel listener =
                unix
                        ? ServerSocketChannel.open(StandardProtocolFamily.UNIX)
                        : ServerSocketChannel.open();
        listener.bind(unix ? unixAddress(address.substring(5)) : tcpAddress(address), BACKLOG);
        return new Door(listener, null);
    }

    private static SocketAddress unixAddress(String path) throws IOException {
        Files.deleteIfExists(Path.of(path));
        return UnixDomainSocketAddress.of(path);
    }

    private static SocketAddress tcpAddress(String address) {
        int colon = address.lastIndexOf(':');
        String host = address.substring(0, Math.max(colon, 0));
        int port = Integer.parseInt(address.substring(colon + 1));
        return host.isEmpty() || host.equals("*")
                ? new InetSocketAddress(port)
                : new InetSocketAddress(host, port);
    }

    /** To nginx; started with --listen there is nobody to hear it. */
    void say(byte[] line) throws IOException {
        if (control != null) {
            new FileOutputStream(control).write(line);
        }
    }

    /**
     * Waits for nginx's word in a thread of its own: so the end of nginx ends a busy process, too
     * (PROTOCOL 2.4).
     *
     * @param stop is run when the process shall stop
     */
    void watch(Runnable stop) {
        if (control == null) {
            Signal.handle(new Signal("TERM"), signal -> stop.run());
            Signal.handle(new Signal("INT"), signal -> stop.run());
            return;
        }
        Thread thread = new Thread(() -> listen(stop), "fn control");
        thread.setDaemon(true);
        thread.start();
    }

    private void listen(Runnable stop) {
        InputStreamReader reader =
                new InputStreamReader(new FileInputStream(control), StandardCharsets.UTF_8);
        BufferedReader lines = new BufferedReader(reader);
        try {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.contains("\"stop\"")) {
                    stop.run();
                } else {
                    Invocation.printRecord(Protocol.ERROR, "unknown control line \"" + line + "\"");
                }
            }
        } catch (IOException e) {
            // as an end of file
        }
        Runtime.getRuntime().halt(0);
    }
}
