// The tests: dotnet fn_dotnet_tests.dll VECTORS prints a line for each, and ends with 1 when one
// has failed.

using System;
using System.Collections.Generic;
using System.IO;

namespace Fn.Tests;

internal static class Program
{
    private static int Main(string[] arguments)
    {
        if (arguments[0] == "--listen")
        {
            return Fn.Program.Main(arguments); // a process that the tests of Events start
        }
        var tests = new List<(string Name, Action Run)>();
        Vectors.Add(tests, arguments[0]);
        Replies.Add(tests);
        Loading.Add(tests);
        Events.Add(tests);
        var failed = 0;
        foreach (var (name, run) in tests)
        {
            try
            {
                run();
                Console.WriteLine($"ok - {name}");
            }
            catch (Exception exception)
            {
                failed++;
                Console.WriteLine($"not ok - {name}\n# {exception.ToString().Replace("\n", "\n# ")}");
            }
        }
        Console.WriteLine($"1..{tests.Count}");
        return failed == 0 ? 0 : 1;
    }
}

internal static class Check
{
    public static void Equal<T>(T came, T expected)
    {
        if (!EqualityComparer<T>.Default.Equals(came, expected))
        {
            throw new InvalidDataException($"expected <{expected}>, came <{came}>");
        }
    }

    public static void True(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvalidDataException(what);
        }
    }

    public static void Throws<T>(Action action)
        where T : Exception
    {
        try
        {
            action();
        }
        catch (T)
        {
            return;
        }
        throw new InvalidDataException($"no {typeof(T).Name}");
    }
}
