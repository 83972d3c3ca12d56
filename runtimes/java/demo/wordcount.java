import io.nuclio.Context;
import io.nuclio.Event;
import io.nuclio.EventHandler;
import io.nuclio.Response;
import java.util.LinkedHashMap;
import java.util.Map;

/** Counts what is posted, as wc does in the C locale. */
class Wordcount implements EventHandler {
    @Override
    public Response handleEvent(Context context, Event event) {
        byte[] body = event.getBody();
        long lines = 0;
        long words = 0;
        boolean inWord = false;
        for (byte b : body) {
            boolean space = b == ' ' || b >= '\t' && b <= '\r';
            if (b == '\n') {
                lines++;
            }
            if (inWord == space) {
                inWord = !space;
                if (inWord) {
                    words++;
                }
            }
        }
        Map<String, Object> counts = new LinkedHashMap<>();
        counts.put("lines", lines);
        counts.put("words", words);
        counts.put("bytes", body.length);
        return new Response().setBody(counts);
    }
}
