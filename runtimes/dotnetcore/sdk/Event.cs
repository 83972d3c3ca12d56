// What a handler is called with: nuclio's Event.

using System;
using System.Collections.Generic;
using System.Text;

namespace Nuclio.Sdk;

/// <summary>The base that older handlers name; Event is the class to use.</summary>
public abstract class EventBase
{
    private string _contentType;
    private Dictionary<string, object> _headers;
    private Dictionary<string, object> _fields;
    private string _method;
    private string _path;
    private string _remoteAddr;
    private DateTime? _timestamp;
    private Trigger _trigger;

    // where what wasn't set comes from when it is asked for; null in an event made by hand
    internal IEventSource Source;

    /// <summary>The request's body; never null in an event of nginx.</summary>
    public byte[] Body { get; set; }

    /// <summary>The Content-Type, "" without one.</summary>
    public string ContentType
    {
        get => _contentType ??= Source?.ContentType;
        set => _contentType = value;
    }

    /// <summary>
    /// A string for each header, a string[] for one that came more than once; any case of a name
    /// finds it.
    /// </summary>
    public Dictionary<string, object> Headers
    {
        get => _headers ??= Source?.Headers ?? new(StringComparer.OrdinalIgnoreCase);
        set => _headers = value;
    }

    /// <summary>The arguments of the query, strings, the last of each name.</summary>
    public Dictionary<string, object> Fields
    {
        get => _fields ??= Source?.Fields ?? [];
        set => _fields = value;
    }

    /// <summary>The length of the body in bytes.</summary>
    public long Size { get; set; }

    /// <summary>The request's id.</summary>
    public string Id { get; set; }

    /// <summary>The request's method.</summary>
    public string Method
    {
        get => _method ??= Source?.Method;
        set => _method = value;
    }

    /// <summary>The path, decoded, without the query.</summary>
    public string Path
    {
        get => _path ??= Source?.Path;
        set => _path = value;
    }

    /// <summary>"" for HTTP, as in nuclio.</summary>
    public string Url { get; set; } = "";

    /// <summary>"" for HTTP.</summary>
    public string Version { get; set; } = "";

    /// <summary>"" for HTTP.</summary>
    public string Type { get; set; } = "";

    /// <summary>"" for HTTP.</summary>
    public string TypeVersion { get; set; } = "";

    /// <summary>When the request came, UTC, in milliseconds.</summary>
    public DateTime Timestamp
    {
        get => _timestamp ??= Source?.Timestamp ?? DateTime.UnixEpoch;
        set => _timestamp = value;
    }

    /// <summary>Where the event comes from.</summary>
    public Trigger Trigger
    {
        get => _trigger ??= Source?.Trigger ?? new Trigger();
        set => _trigger = value;
    }

    /// <summary>The client's address, "" without one; not in nuclio.</summary>
    public string RemoteAddr
    {
        get => _remoteAddr ??= Source?.RemoteAddr;
        set => _remoteAddr = value;
    }

    /// <summary>The body as text, from UTF-8.</summary>
    public string GetBody() => Encoding.UTF8.GetString(Body);

    /// <summary>Sets the body from text, in UTF-8.</summary>
    public void SetBody(string body) => Body = Encoding.UTF8.GetBytes(body);
}

/// <summary>An event; one made by hand is for tests and for Platform.CallFunction.</summary>
public class Event : EventBase
{
}

/// <summary>Where an event comes from.</summary>
public class Trigger
{
    /// <summary>null, as in nuclio.</summary>
    public string Class { get; set; }

    /// <summary>"http".</summary>
    public string Kind { get; set; }

    /// <summary>The function's name; not in nuclio.</summary>
    public string Name { get; set; }
}

internal interface IEventSource
{
    string ContentType { get; }
    Dictionary<string, object> Headers { get; }
    Dictionary<string, object> Fields { get; }
    string Method { get; }
    string Path { get; }
    string RemoteAddr { get; }
    DateTime Timestamp { get; }
    Trigger Trigger { get; }
}
