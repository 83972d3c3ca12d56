package fn;

import io.nuclio.EventHandler;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * The Java runtime: java -jar fn_java.jar [--listen ADDRESS]
 *
 * <p>Serves one function as ../../PROTOCOL says; the environment says which (1.2).
 */
final class Main {
    private Main() {}

    public static void main(String[] arguments) throws IOException, ReflectiveOperationException {
        boolean alone = arguments.length > 0;
        if (alone && (arguments.length != 2 || !arguments[0].equals("--listen"))) {
            System.err.println("usage: java -jar fn_java.jar [--listen unix:PATH|HOST:PORT]");
            System.exit(2);
        }
        Door door = alone ? Door.opened(arguments[1]) : Door.inherited();
        try {
            Server server = new Server(door);
            door.watch(server::stop);
            Output.install();
            Settings settings = new Settings(System.getenv());
            EventHandler handler = Loader.load(settings);
            door.say(Protocol.READY.getBytes(StandardCharsets.UTF_8));
            server.run(handler, settings);
        } catch (Throwable error) {
            error.printStackTrace();
            door.say(Protocol.refusal(error));
            System.exit(1);
        }
        System.exit(0);
    }
}
