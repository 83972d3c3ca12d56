package fn;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** A connection, and nginx's end of it. */
final class Pair implements AutoCloseable {
    static Path directory;
    private static int count;

    final SocketChannel nginx;
    final Connection connection;
    private final Selector selector = Selector.open();
    private final ByteBuffer in = ByteBuffer.allocateDirect(Connection.PIECE);

    Pair() throws IOException {
        Path path = directory.resolve("pair" + count++);
        try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            listener.bind(UnixDomainSocketAddress.of(path));
            nginx = SocketChannel.open(UnixDomainSocketAddress.of(path));
            connection = new Connection(listener.accept(), selector);
        }
        Files.delete(path);
    }

    WireEvent receive() throws IOException {
        return connection.receive(in);
    }

    static JsonObject readLine(SocketChannel channel) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        ByteBuffer one = ByteBuffer.allocate(1);
        while (channel.read(one) > 0 && one.get(0) != '\n') {
            line.write(one.get(0));
            one.clear();
        }
        return JsonParser.parseString(line.toString(StandardCharsets.UTF_8)).getAsJsonObject();
    }

    static byte[] readBytes(SocketChannel channel, int size) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(size);
        while (bytes.hasRemaining() && channel.read(bytes) >= 0) {
            // until there is all of it
        }
        return bytes.array();
    }

    static void write(SocketChannel channel, byte[] data) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(data);
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    @Override
    public void close() throws IOException {
        nginx.close();
        connection.close();
        selector.close();
    }
}
