// What a handler is called with beside the event: nuclio's Context.

using System.Collections.Generic;

namespace Nuclio.Sdk;

/// <summary>One of a process; it lives as long as the process.</summary>
public class Context
{
    /// <summary>Makes the context of a test: its logger writes to standard error.</summary>
    public Context()
    {
        Logger = new Logger();
        UserData = new Dictionary<string, object>();
        Platform = new Platform(null);
    }

    /// <summary>The function's name (FN_NAME).</summary>
    public string Name { get; set; }

    /// <summary>Its records belong to the event in which they are made.</summary>
    public Logger Logger { get; set; }

    /// <summary>Free for the handler's use, as in nuclio.</summary>
    public bool IsInitialized { get; set; }

    /// <summary>What InitContext leaves for the handler.</summary>
    public Dictionary<string, object> UserData { get; set; }

    /// <summary>The number of this process in its function, as text; not in nuclio.</summary>
    public string WorkerId { get; set; } = "0";

    /// <summary>Calls other functions; not in nuclio.</summary>
    public Platform Platform { get; set; }
}
