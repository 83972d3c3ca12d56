package io.nuclio;

/** What a handler is called with beside the event. */
public interface Context {
    /** The logger whose records belong to the event that the handler runs. */
    Logger getLogger();
}
