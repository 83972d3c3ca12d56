// The smallest function.

using Nuclio.Sdk;

public class Hello
{
    public object Handler(Context context, Event received) => "Hello from dotnetcore";
}
