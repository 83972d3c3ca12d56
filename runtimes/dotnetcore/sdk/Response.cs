// What a handler returns when it says more than a body: nuclio's Response.

using System;
using System.Collections.Generic;

namespace Nuclio.Sdk;

/// <summary>An answer with status, headers and content type.</summary>
public class Response
{
    /// <summary>Text, or base64 of bytes when BodyEncoding is "base64".</summary>
    public string Body { get; set; }

    /// <summary>
    /// Any other body, instead of Body: byte[], Stream, IAsyncEnumerable of strings or byte[], or
    /// what is sent as JSON.  Not in nuclio.
    /// </summary>
    public object BodyObject { get; set; }

    /// <summary>null or "": that of Headers, else "text/plain".</summary>
    public string ContentType { get; set; }

    /// <summary>200 to 599; 0 is 200.</summary>
    public int StatusCode { get; set; }

    /// <summary>
    /// A string, number or boolean for each header, a list of them for several lines; null is none.
    /// </summary>
    public Dictionary<string, object> Headers { get; set; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>"text" (null, "") or "base64".</summary>
    public string BodyEncoding { get; set; }
}

/// <summary>Thrown by a handler, it is the response; not in nuclio.</summary>
/// <param name="statusCode">from 200 to 599</param>
/// <param name="message">the body</param>
public class ResponseException(int statusCode, string message) : Exception(message)
{
    /// <summary>The status of the response.</summary>
    public int StatusCode { get; } = statusCode;
}
