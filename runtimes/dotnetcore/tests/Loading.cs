// Which methods are handlers, what they return, and what is compiled into the cache.

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Nuclio.Sdk;

namespace Fn.Tests;

internal static class Loading
{
    private static readonly Context s_context = new();

    public static void Add(List<(string Name, Action Run)> tests)
    {
        tests.Add(("handler: results of every kind", Results));
        tests.Add(("handler: what none is", NoHandlers));
        tests.Add(("logger: formats", Formats));
        tests.Add(("query: arguments", Query));
        tests.Add(("cache: of another mode", () => InDirectory(directory =>
        {
            File.SetUnixFileMode(directory, (UnixFileMode)0x1ff);
            Check.Throws<IOException>(() => Cache.File(directory, "key", "a", _ => { }));
        })));
        tests.Add(("cache: a link", () => InDirectory(directory =>
        {
            var link = Path.Combine(directory, "link");
            Directory.CreateSymbolicLink(link, directory);
            Check.Throws<IOException>(() => Cache.File(link, "key", "a", _ => { }));
        })));
        tests.Add(("cache: a build that fails leaves nothing", () => InDirectory(directory =>
        {
            Check.Throws<BuildException>(
                () => Cache.File(directory, "key", "a", _ => throw new BuildException("no")));
            Check.Equal(Directory.GetDirectories(directory).Length, 0);
        })));
        tests.Add(("cache: one builds, others wait", () => InDirectory(directory =>
        {
            var built = 0;
            Parallel.For(0, 4, _ => Cache.File(directory, "key", "a", into =>
            {
                built++;
                System.Threading.Thread.Sleep(100);
                File.WriteAllText(Path.Combine(into, "a"), "");
            }));
            Check.Equal(built, 1);
        })));
        tests.Add(("build: a project with implicit usings", () => InDirectory(Project)));
        tests.Add(("build: sources with errors", () => InDirectory(directory =>
        {
            File.WriteAllText(Path.Combine(directory, "a.cs"), "class {");
            Check.Throws<BuildException>(() => Load(directory, directory, ""));
        })));
        tests.Add(("load: entries", () => InDirectory(Entries)));
    }

    private static void Results()
    {
        var expected = new Dictionary<string, object?>
        {
            ["Any"] = "any",
            ["Number"] = 7,
            ["Nothing"] = null,
            ["Static"] = "static",
            ["Base"] = "base",
            ["Later"] = null,
            ["LaterText"] = "later",
            ["LaterNumber"] = 7,
            ["Soon"] = null,
            ["SoonNumber"] = 7,
        };
        foreach (var method in typeof(Kinds).GetMethods().Where(Handler.IsHandler))
        {
            var handler = new Handler(method, method.IsStatic ? null : new Kinds(), s_context);
            var result = handler.Call(new Event());
            if (result is Task task)
            {
                task.Wait();
                result = Handler.Result(task);
            }
            Check.Equal(result, expected[method.Name]);
            expected.Remove(method.Name);
        }
        Check.Equal(expected.Count, 0);
    }

    private static void NoHandlers()
    {
        var none = typeof(NoKinds).GetMethods().Where(Handler.IsHandler).ToList();
        Check.Equal(none.Count, 0);
    }

    private static void Formats()
    {
        var seen = new List<string>();
        var logger = new Logger { Sink = (level, message, with) => seen.Add($"{level} {message} {with?.Count}") };
        logger.Info("{\"a\": 1}");
        logger.Info("{0} of {1}", 1, 2);
        logger.Warning("{0} of {1}", 1);
        logger.Error(null!);
        logger.DebugWith("m", "a", 1, "a", 2, null!, 3);
        logger.InfoWith("m", "alone");
        Check.Equal(
            string.Join('|', seen),
            "Info {\"a\": 1} |Info 1 of 2 |Warn {0} of {1} 1 |Error  |Debug m 2|Info m 1");
    }

    private static void Query()
    {
        var arguments = Arguments.Read("a=1+2&b=%C3%A9&c&a=%zz&=x&d=%E9");
        Check.Equal(
            string.Join('|', arguments.Select(one => $"{one.Key}={one.Value}")),
            "a=%zz|b=\u00e9|c=|=x|d=\u00e9");
    }

    private static void Project(string directory)
    {
        Directory.CreateDirectory(Path.Combine(directory, "src/obj"));
        File.WriteAllText(
            Path.Combine(directory, "handler.csproj"),
            "<Project><PropertyGroup><ImplicitUsings>enable</ImplicitUsings>"
            + "<DefineConstants>$(DefineConstants);SAID</DefineConstants></PropertyGroup></Project>");
        File.WriteAllText(Path.Combine(directory, "src/obj/no.cs"), "this is no C#");
        File.WriteAllText(
            Path.Combine(directory, "src/a.cs"),
            "public class A { public string Main(Nuclio.Sdk.Context c, Nuclio.Sdk.Event e) => B.Text; }");
        File.WriteAllText(
            Path.Combine(directory, "b.cs"),
            "static class B { public static string Text = \"said\"\n#if !SAID\nx\n#endif\n; static List<int> x; }");
        Check.Equal(Load(directory, directory, "").Call(new Event()), "said");
        Check.Equal(Load(directory + "/handler.csproj", directory, "").Call(new Event()), "said");
    }

    private static void Entries(string directory)
    {
        File.WriteAllText(
            Path.Combine(directory, "a.cs"),
            "using Nuclio.Sdk; namespace N { public class A { "
            + "public string One(Context c, Event e) => \"one\"; "
            + "public string Two(Context c, EventBase e) => \"two\"; "
            + "public string No(Context c) => null; } }");
        foreach (var entry in new[] { "A:Two", "N.A:Two", "A.Two", "N.A.Two", "Two" })
        {
            Check.Equal(Load(directory + "/a.cs", directory, entry).Call(new Event()), "two");
        }
        Check.Throws<System.Reflection.AmbiguousMatchException>(() => Load(directory, directory, ""));
        Check.Throws<MissingMethodException>(() => Load(directory, directory, "A:No"));
    }

    private static Handler Load(string target, string directory, string entry) => Loader.Load(
        new Settings(name => name switch
        {
            "FN_TARGET" => target,
            "FN_ENTRY" => entry,
            "FN_CACHE" => directory + "/cache",
            _ => null,
        }),
        s_context);

    private static void InDirectory(Action<string> run)
    {
        var directory = Directory.CreateTempSubdirectory("fn-").FullName;
        try
        {
            run(directory);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    public sealed class Kinds
    {
        public static string Static(Context context, Event received) => "static";

        public object Any(Context context, Event received) => "any";

        public int Number(Context context, Event received) => 7;

        public void Nothing(Context context, Event received)
        {
        }

        public string Base(Context context, EventBase received) => "base";

        public async Task Later(Context context, Event received) => await Task.Yield();

        public async Task<string> LaterText(Context context, Event received)
        {
            await Task.Yield();
            return "later";
        }

        public async Task<int> LaterNumber(Context context, Event received)
        {
            await Task.Yield();
            return 7;
        }

        public async ValueTask Soon(Context context, Event received) => await Task.Yield();

        public ValueTask<int> SoonNumber(Context context, Event received) => new(7);
    }

    public sealed class NoKinds
    {
        public string Generic<T>(Context context, Event received) => "";

        public string One(Context context) => "";

        public string Swapped(Event received, Context context) => "";

        public string Wide(Context context, object received) => "";
    }
}
