import io.nuclio.Context;
import io.nuclio.Event;
import io.nuclio.EventHandler;
import io.nuclio.Response;

/** A function that fails. */
class Fail implements EventHandler {
    @Override
    public Response handleEvent(Context context, Event event) {
        context.getLogger().warn("about to fail");
        throw new IllegalStateException("this function always fails");
    }
}
