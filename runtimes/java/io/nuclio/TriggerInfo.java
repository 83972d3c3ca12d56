package io.nuclio;

/** Where an event comes from. */
public interface TriggerInfo {
    /** null, as in nuclio's own runtime. */
    String getClassName();

    /** "http". */
    String getKindName();

    /** The function's name; not in nuclio. */
    default String getName() {
        return "";
    }
}
