// The workloads on a port of 127.0.0.1, by so many threads as the second
// argument says: com.sun.net.httpserver knows no unix sockets.

import com.google.gson.Gson;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;

public class Server {
    private static final Gson gson = new Gson();

    private static void send(HttpExchange exchange, String type, String text)
            throws IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", type);
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    private static byte[] read(HttpExchange exchange) throws IOException {
        return exchange.getRequestBody().readAllBytes();
    }

    private static void echo(HttpExchange exchange) throws IOException {
        String text = new String(read(exchange), StandardCharsets.UTF_8);
        Object value = gson.fromJson(text, Object.class);
        send(exchange, "application/json", gson.toJson(value));
    }

    private static void sleep(HttpExchange exchange) throws IOException {
        try {
            Thread.sleep(10);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
        send(exchange, "text/plain", "waited");
    }

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        int threads = Integer.parseInt(arguments[1]);

        // without it each answer waits for the client's ACK
        System.setProperty("sun.net.httpserver.nodelay", "true");

        HttpServer server = HttpServer.create(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 511);
        server.setExecutor(Executors.newFixedThreadPool(threads));
        server.createContext("/hello", e -> send(e, "text/plain", "Hello, world"));
        server.createContext("/json", Server::echo);
        server.createContext("/body",
                e -> send(e, "text/plain", String.valueOf(read(e).length)));
        server.createContext("/wait", Server::sleep);
        server.start();
    }
}
