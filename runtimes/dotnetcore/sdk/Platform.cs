// Calls of other functions.

using System;

namespace Nuclio.Sdk;

/// <summary>What surrounds the function; nuclio has it in other languages.</summary>
public class Platform
{
    private readonly Func<string, Event, Response> _call;

    internal Platform(Func<string, Event, Response> call) => _call = call;

    /// <summary>
    /// The response of the function of that name; waits for it.  Sent are the event's Method
    /// (without one POST with a body, else GET), Path, Headers, ContentType and Body.  The response
    /// has its body as text in Body and as byte[] in BodyObject; what HTTP calls an error is one,
    /// too.
    /// </summary>
    /// <exception cref="System.Net.Http.HttpRequestException">There is no response.</exception>
    /// <exception cref="InvalidOperationException">There is no FN_CALL (PROTOCOL 1.4).</exception>
    public Response CallFunction(string name, Event functionEvent) =>
        _call is null
            ? throw new InvalidOperationException(
                $"function \"{name}\" cannot be called: FN_CALL is not set, a server of nginx "
                + "needs a location with \"fn_call\"")
            : _call(name, functionEvent);
}
