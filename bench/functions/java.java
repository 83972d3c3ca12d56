// The workloads, in Java.

import com.google.gson.Gson;
import io.nuclio.Context;
import io.nuclio.Event;
import io.nuclio.EventHandler;
import io.nuclio.Response;
import java.nio.charset.StandardCharsets;

class Hello implements EventHandler {
    @Override
    public Response handleEvent(Context context, Event event) {
        return new Response().setBody("Hello, world");
    }
}

class Json implements EventHandler {
    private final Gson gson = new Gson();

    @Override
    public Response handleEvent(Context context, Event event) {
        String text = new String(event.getBody(), StandardCharsets.UTF_8);
        return new Response().setBody(gson.fromJson(text, Object.class));
    }
}

class Body implements EventHandler {
    @Override
    public Response handleEvent(Context context, Event event) {
        return new Response().setBody(String.valueOf(event.getBody().length));
    }
}

class Wait implements EventHandler {
    @Override
    public Response handleEvent(Context context, Event event) {
        try {
            Thread.sleep(10);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
        return new Response().setBody("waited");
    }
}
