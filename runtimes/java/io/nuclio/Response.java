package io.nuclio;

import com.google.gson.GsonBuilder;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Map;

/** What a handler answers: by default status 200, "text/plain", and no body. */
public class Response {
    private static final byte[] EMPTY = {};

    private long statusCode = 200;
    private String contentType;
    private byte[] body = EMPTY;
    private InputStream stream;
    private boolean json;
    private Map<String, Object> headers = Collections.emptyMap();

    public Response() {}

    /** null is no body. The array is not copied. */
    public Response setBody(byte[] body) {
        return set(body, null, false);
    }

    /** Sent in UTF-8; null is no body. */
    public Response setBody(String body) {
        return set(body == null ? null : body.getBytes(StandardCharsets.UTF_8), null, false);
    }

    /**
     * A stream that is read to its end and closed; what one read() gives is sent at once. Not in
     * nuclio.
     */
    public Response setBody(InputStream body) {
        return set(null, body, false);
    }

    /**
     * A map, collection, number, record or other object, as JSON by Gson; its content type is
     * "application/json". Not in nuclio.
     */
    public Response setBody(Object body) {
        if (body == null || body instanceof byte[]) {
            return setBody((byte[]) body);
        }
        if (body instanceof String) {
            return setBody((String) body);
        }
        if (body instanceof InputStream) {
            return setBody((InputStream) body);
        }
        return set(Json.bytes(body), null, true);
    }

    private Response set(byte[] body, InputStream stream, boolean json) {
        this.body = body == null ? EMPTY : body;
        this.stream = stream;
        this.json = json;
        return this;
    }

    /** The bytes of the body; those of a stream are not in it. */
    public byte[] getBody() {
        return body;
    }

    /** The body that is a stream, or null. Not in nuclio. */
    public InputStream getStream() {
        return stream;
    }

    /** Whether the body is an object's JSON. Not in nuclio. */
    public boolean isJson() {
        return json;
    }

    /** From 200 to 599. */
    public Response setStatusCode(long statusCode) {
        this.statusCode = statusCode;
        return this;
    }

    public long getStatusCode() {
        return statusCode;
    }

    /** String, number, boolean or byte[] values; an array or Collection of them is several lines. */
    public Response setHeaders(Map<String, Object> headers) {
        this.headers = headers;
        return this;
    }

    public Map<String, Object> getHeaders() {
        return headers;
    }

    /** Wins over a Content-Type in the headers; null is the default. */
    public Response setContentType(String contentType) {
        this.contentType = contentType;
        return this;
    }

    public String getContentType() {
        return contentType == null ? "text/plain" : contentType;
    }

    /** Whether setContentType() was called. Not in nuclio. */
    public boolean hasContentType() {
        return contentType != null;
    }

    /** Gson, loaded when it is needed first. */
    private static class Json {
        static final com.google.gson.Gson GSON =
                new GsonBuilder().disableHtmlEscaping().serializeNulls().create();

        static byte[] bytes(Object value) {
            return GSON.toJson(value).getBytes(StandardCharsets.UTF_8);
        }
    }
}
