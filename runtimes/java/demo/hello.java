import io.nuclio.Context;
import io.nuclio.Event;
import io.nuclio.EventHandler;
import io.nuclio.Response;

/** The smallest function. */
class Hello implements EventHandler {
    @Override
    public Response handleEvent(Context context, Event event) {
        return new Response().setBody("Hello from java");
    }
}
