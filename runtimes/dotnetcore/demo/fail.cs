// A function that fails.

using System;
using Nuclio.Sdk;

public class Fail
{
    public object Handler(Context context, Event received)
    {
        context.Logger.Warning("about to fail");
        throw new InvalidOperationException("this function always fails");
    }
}
