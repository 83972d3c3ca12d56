// Finds the handler that FN_TARGET and FN_ENTRY name.

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.Loader;
using System.Threading.Tasks;
using Nuclio.Sdk;

namespace Fn;

internal static class Loader
{
    private const BindingFlags Public = BindingFlags.Public | BindingFlags.Instance
        | BindingFlags.Static | BindingFlags.DeclaredOnly;

    // what user code raises comes out as it is
    private const BindingFlags Own =
        BindingFlags.Public | BindingFlags.Instance | BindingFlags.DoNotWrapExceptions;

    /// <summary>
    /// The handler of a .cs file, a directory or project, or a .dll; its InitContext has run.
    /// </summary>
    /// <exception cref="Exception">whatever the user's code raises, too</exception>
    public static Handler Load(Settings settings, Context context)
    {
        if (settings.Target == "")
        {
            throw new InvalidOperationException("FN_TARGET is not set");
        }
        var file = settings.Target.EndsWith(".dll", StringComparison.OrdinalIgnoreCase)
            ? Path.GetFullPath(settings.Target)
            : Build.Assembly(Path.GetFullPath(settings.Target), settings.Cache);
        var assembly = new HandlerLoadContext(file).LoadFromAssemblyPath(file);
        var method = Find(assembly, settings.Entry);
        var type = method.DeclaringType!;
        var needed = !method.IsStatic;
        var init = type.GetMethod("InitContext", Public, [typeof(Context)]);
        needed |= init is { IsStatic: false };
        var target = needed ? Activator.CreateInstance(type, Own, null, null, null) : null;
        var result = init?.Invoke(target, Own, null, [context], null);
        if (result is Task task)
        {
            task.GetAwaiter().GetResult();
        }
        return new Handler(method, method.IsStatic ? null : target, context);
    }

    // CLASS:METHOD, CLASS.METHOD, METHOD, or the only one there is
    private static MethodInfo Find(Assembly assembly, string entry)
    {
        var separator = entry.LastIndexOfAny([':', '.']);
        var type = separator == -1 ? "" : entry[..separator].Replace(':', '.');
        var name = entry[(separator + 1)..];
        var found = Handlers(assembly)
            .Where(one => name == "" || one.Name == name)
            .Where(one => type == "" || one.DeclaringType!.FullName!.Replace('+', '.') == type
                || one.DeclaringType.Name == type)
            .ToList();
        if (found.Count == 1)
        {
            return found[0];
        }
        var what = entry == "" ? "public method (Context, Event)" : $"handler \"{entry}\"";
        throw found.Count == 0
            ? new MissingMethodException($"no {what} in \"{assembly.GetName().Name}\"")
            : new AmbiguousMatchException(
                $"more than one {what}: "
                + string.Join(
                    ", ", found.Select(one => $"{one.DeclaringType!.FullName}:{one.Name}"))
                + "; name one of them as CLASS:METHOD");
    }

    private static IEnumerable<MethodInfo> Handlers(Assembly assembly) =>
        from type in assembly.GetTypes()
        where !type.ContainsGenericParameters && (type.IsVisible || type.IsNotPublic)
        from method in type.GetMethods(Public)
        where Handler.IsHandler(method)
        select method;
}

/// <summary>Finds what a handler's assembly refers to: beside it, as its .deps.json says.</summary>
internal sealed class HandlerLoadContext(string file) : AssemblyLoadContext("handler")
{
    private static readonly string s_sdk = typeof(Context).Assembly.GetName().Name!;

    // slow to make, and often there is nothing to be found
    private readonly Lazy<AssemblyDependencyResolver?> _resolver = new(() =>
        Directory.GetFiles(Path.GetDirectoryName(file)!).Length > 1
            ? new AssemblyDependencyResolver(file)
            : null);

    protected override Assembly? Load(AssemblyName name) =>
        name.Name != s_sdk && _resolver.Value?.ResolveAssemblyToPath(name) is { } path
            ? LoadFromAssemblyPath(path)
            : null;

    protected override nint LoadUnmanagedDll(string name) =>
        _resolver.Value?.ResolveUnmanagedDllToPath(name) is { } path
            ? LoadUnmanagedDllFromPath(path)
            : 0;
}
