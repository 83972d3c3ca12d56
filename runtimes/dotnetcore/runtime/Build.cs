// Compiles a handler's sources with the C# compiler of the SDK, into the cache.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using System.Xml.Linq;
using Nuclio.Sdk;

namespace Fn;

/// <summary>The handler does not compile; the compiler has said more on standard error.</summary>
internal sealed class BuildException(string message) : Exception(message);

internal static class Build
{
    private const string Name = "handler"; // nuclio's name of the assembly

    // what a project with ImplicitUsings has
    private static readonly string[] s_usings =
    [
        "System", "System.Collections.Generic", "System.IO", "System.Linq", "System.Net.Http",
        "System.Threading", "System.Threading.Tasks",
    ];

    private static readonly string s_runtime = RuntimeEnvironment.GetRuntimeDirectory();
    private static readonly string s_root = Path.GetFullPath(Path.Combine(s_runtime, "../../.."));

    /// <summary>The compiled assembly of a .cs file, a .csproj or a directory.</summary>
    public static string Assembly(string target, string? cache)
    {
        var directory = Directory.Exists(target) ? target : Path.GetDirectoryName(target)!;
        var single = target.EndsWith(".cs", StringComparison.OrdinalIgnoreCase);
        if (!single && !File.Exists(target) && !Directory.Exists(target))
        {
            throw new FileNotFoundException($"\"{target}\" does not exist");
        }
        var project = single ? null
            : target != directory ? target
            : Directory.GetFiles(directory, "*.csproj").FirstOrDefault();
        var sources = single ? [target] : Sources(directory);
        var libraries = single ? [] : Directory.GetFiles(directory, "*.dll");
        if (sources.Length == 0)
        {
            throw new FileNotFoundException($"no .cs file in \"{directory}\"");
        }
        string[] inputs = project is null
            ? [.. sources, .. libraries]
            : [.. sources, .. libraries, project];
        var options = Options(project);
        var compiler = Compiler();
        return Cache.File(cache, Key(inputs, [.. options, compiler]), Name + ".dll", into =>
        {
            foreach (var library in libraries)
            {
                File.Copy(library, Path.Combine(into, Path.GetFileName(library)));
            }
            Compile(compiler, into, [.. options, .. sources], libraries);
        });
    }

    // all below a directory, but for what builds leave there
    private static string[] Sources(string directory)
    {
        var found = new List<string>(Directory.GetFiles(directory, "*.cs"));
        foreach (var below in Directory.GetDirectories(directory))
        {
            var name = Path.GetFileName(below);
            if (name is not ("bin" or "obj") && name[0] != '.')
            {
                found.AddRange(Sources(below));
            }
        }
        return [.. found.Order(StringComparer.Ordinal)];
    }

    // the properties of a project that change what its sources mean
    private static List<string> Options(string? project)
    {
        var properties = project is null ? []
            : XDocument.Load(project).Descendants().Where(one => !one.HasElements)
                .GroupBy(one => one.Name.LocalName)
                .ToDictionary(one => one.Key, one => one.Last().Value.Trim());
        var options = new List<string>();
        if (properties.GetValueOrDefault("Nullable") is { } nullable)
        {
            options.Add($"-nullable:{nullable}");
        }
        if (properties.GetValueOrDefault("DefineConstants") is { } constants)
        {
            options.Add($"-define:{constants.Replace("$(DefineConstants);", "")}");
        }
        if (properties.GetValueOrDefault("ImplicitUsings") is "enable" or "true")
        {
            options.Add("usings");
        }
        return options;
    }

    private static string Compiler()
    {
        var sdks = Path.Combine(s_root, "sdk");
        var newest = !Directory.Exists(sdks) ? null : Directory.GetDirectories(sdks)
            .Select(one => Path.Combine(one, "Roslyn/bincore/csc.dll"))
            .Where(File.Exists)
            .MaxBy(one => Version(one.Split('/')[^4]));
        return newest ?? throw new FileNotFoundException(
            $"no .NET SDK in \"{sdks}\": install one, or give a compiled .dll instead of sources");
    }

    private static Version Version(string name) =>
        System.Version.TryParse(name.Split('-')[0], out var version) ? version : new Version();

    // the reference assemblies of this runtime's version, or the runtime itself
    private static string[] References()
    {
        var packs = Path.Combine(s_root, "packs/Microsoft.NETCore.App.Ref");
        var major = Environment.Version.Major;
        var pack = !Directory.Exists(packs) ? null : Directory.GetDirectories(packs)
            .Where(one => Version(Path.GetFileName(one)).Major == major)
            .Select(one => Path.Combine(one, $"ref/net{major}.0"))
            .FirstOrDefault(Directory.Exists);
        return Directory.GetFiles(pack ?? s_runtime, "*.dll");
    }

    private static void Compile(
        string compiler, string into, List<string> arguments, string[] libraries)
    {
        var lines = new List<string>
        {
            "-nostdlib+", "-nologo", "-target:library", "-optimize+", "-debug:embedded",
            "-deterministic+", "-unsafe+", "-langversion:latest", "-utf8output",
            $"-out:\"{into}/{Name}.dll\"",
            $"-reference:\"{typeof(Context).Assembly.Location}\"",
        };
        if (arguments.Remove("usings"))
        {
            var file = Path.Combine(into, "usings.cs");
            File.WriteAllLines(file, s_usings.Select(one => $"global using global::{one};"));
            arguments.Add(file);
        }
        lines.AddRange(References().Concat(libraries).Select(one => $"-reference:\"{one}\""));
        lines.AddRange(arguments.Select(one => one[0] == '-' ? one : $"\"{one}\""));
        var response = Path.Combine(into, "csc.rsp");
        File.WriteAllLines(response, lines);
        Run(compiler, response);
        File.Delete(response);
    }

    private static void Run(string compiler, string response)
    {
        var start = new ProcessStartInfo(Path.Combine(s_root, "dotnet"))
        {
            ArgumentList = { compiler, "-noconfig", $"@{response}" },
            RedirectStandardOutput = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
        // the compiler runs once, and short
        start.Environment["DOTNET_TieredPGO"] = "0";
        start.Environment["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Output.Write(2, output);
        if (process.ExitCode != 0)
        {
            var lines = output.Split('\n');
            throw new BuildException(
                lines.FirstOrDefault(one => one.Contains(": error "))?.Trim() ?? "csc failed");
        }
    }

    // FNV-1a of 128 bits: what guards the cache is its directory, not the strength of this
    private static string Key(string[] files, List<string> others)
    {
        var hash = new UInt128(0x6c62272e07bb0142, 0x62b821756295c58d);
        var prime = new UInt128(0x0000000001000000, 0x000000000000013b);
        others.Add($"{Environment.Version}");
        others.Add($"{typeof(Context).Module.ModuleVersionId}");
        foreach (var one in others.Concat(files).Select(Encoding.UTF8.GetBytes)
            .Concat(files.Select(File.ReadAllBytes)))
        {
            foreach (var value in one)
            {
                hash = (hash ^ value) * prime;
            }
            hash = (hash ^ (uint)one.Length) * prime;
        }
        return $"dotnetcore-{hash:x32}";
    }
}
