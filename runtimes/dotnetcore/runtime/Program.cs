// The .NET runtime: dotnet fn_dotnet.dll [--listen ADDRESS]
//
// Serves one function as ../../PROTOCOL says; the environment says which (1.2).

using System;
using System.IO;
using Nuclio.Sdk;

namespace Fn;

internal static class Program
{
    private const string Usage = "usage: dotnet fn_dotnet.dll [--listen unix:PATH|HOST:PORT]";

    public static int Main(string[] arguments)
    {
        if (arguments.Length != 0 && (arguments.Length != 2 || arguments[0] != "--listen"))
        {
            Output.Write(2, Usage + "\n");
            return 1;
        }
        Door? door = null;
        Server server;
        try
        {
            door = arguments.Length == 2 ? Door.Opened(arguments[1]) : Door.Inherited();
            server = Start(door);
        }
        catch (Exception exception)
        {
            Output.Write(2, (exception is BuildException ? exception.Message : exception) + "\n");
            door?.Say(Protocol.Refusal(exception));
            return 1;
        }
        DropDiagnostics(); // not earlier: threads of .NET's make them
        door.Say(Protocol.Ready);
        server.Run();
        return 0;
    }

    // a server with the user's code loaded and InitContext called
    private static Server Start(Door door)
    {
        var settings = new Settings(Environment.GetEnvironmentVariable);
        var server = new Server(door, settings);
        door.Watch(server.Stop);
        Output.Install();
        var context = new Context
        {
            Name = settings.Name,
            WorkerId = settings.Slot,
            Logger = Channel.Logger(settings.LogLevel),
        };
        if (settings.Call is not null)
        {
            context.Platform = new Platform(new Caller(settings.Call).Call);
        }
        server.Handler = Loader.Load(settings, context);
        return server;
    }

    // .NET's diagnostics listen in /tmp, where their sockets and pipes would stay when the process
    // is killed
    private static void DropDiagnostics()
    {
        if (Environment.GetEnvironmentVariable("DOTNET_EnableDiagnostics") is not null)
        {
            return;
        }
        foreach (var kind in (ReadOnlySpan<string>)["dotnet-diagnostic", "clr-debug-pipe"])
        {
            var pattern = $"{kind}-{Environment.ProcessId}-*";
            foreach (var file in Directory.GetFiles(Path.GetTempPath(), pattern))
            {
                try
                {
                    File.Delete(file);
                }
                catch (SystemException)
                {
                    // another user's
                }
            }
        }
    }
}
