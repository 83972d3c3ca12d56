package io.nuclio;

import java.util.Date;
import java.util.Map;

/**
 * An event: here, a request.
 *
 * <p>Texts are UTF-8, or a character for each byte (Latin-1) where the bytes are no UTF-8. Names of
 * headers are looked up in any case. A getter of a header or field that isn't there gives null, or
 * 0 where it gives a number; so does getHeaderLong() of what is no number.
 */
public interface Event {
    String getID();

    TriggerInfo getTriggerInfo();

    /** The header Content-Type; "" if there is none. */
    String getContentType();

    byte[] getBody();

    /** The same as getBody(). */
    Object getBodyObject();

    /** A String; the last of several. */
    Object getHeader(String name);

    String getHeaderString(String name);

    byte[] getHeaderBytes(String name);

    long getHeaderLong(String name);

    /** String values, or a List of String for a header that came more than once. */
    Map<String, Object> getHeaders();

    /** An argument of the query, a String; the last of several. */
    Object getField(String name);

    String getFieldString(String name);

    byte[] getFieldBytes(String name);

    long getFieldLong(String name);

    /** String values. */
    Map<String, Object> getFields();

    /** When the request came, in milliseconds. */
    Date getTimestamp();

    /** The path, decoded, without the query. */
    String getPath();

    /** "", as in nuclio. */
    String getURL();

    String getMethod();

    long getShardID();

    long getTotalNumShards();

    String getType();

    String getTypeVersion();

    String getVersion();
}
