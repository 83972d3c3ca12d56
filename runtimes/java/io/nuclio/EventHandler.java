package io.nuclio;

/** A function: a class with a constructor that takes nothing. */
public interface EventHandler {
    /**
     * Runs one event.
     *
     * @return the response; null is status 200 without a body
     */
    Response handleEvent(Context context, Event event);
}
