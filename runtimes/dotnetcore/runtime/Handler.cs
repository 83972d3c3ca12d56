// The method that is called for each event.

using System;
using System.Reflection;
using System.Threading.Tasks;
using Nuclio.Sdk;

namespace Fn;

/// <summary>A handler: public ANY Method(Context, Event), of an object or static.</summary>
internal sealed class Handler
{
    private readonly Context _context;
    private readonly Func<Context, Event, object?> _function;

    /// <param name="method">one that IsHandler</param>
    /// <param name="target">its object, null when it is static</param>
    /// <param name="context">what it is called with</param>
    public Handler(MethodInfo method, object? target, Context context)
    {
        _context = context;
        var type = method.ReturnType;
        if (!type.IsValueType)
        {
            _function = method.CreateDelegate<Func<Context, Event, object?>>(target);
        }
        else if (type == typeof(void))
        {
            var action = method.CreateDelegate<Action<Context, Event>>(target);
            _function = (context, received) =>
            {
                action(context, received);
                return null;
            };
        }
        else
        {
            var box = new Func<MethodInfo, object?, Func<Context, Event, object?>>(Box<int>).Method;
            _function = (Func<Context, Event, object?>)box.GetGenericMethodDefinition()
                .MakeGenericMethod(type).Invoke(null, [method, target])!;
        }
    }

    /// <summary>Whether a method has the signature of a handler.</summary>
    public static bool IsHandler(MethodInfo method) =>
        method.GetParameters() is [var context, var received]
        && context.ParameterType == typeof(Context)
        && received.ParameterType.IsAssignableFrom(typeof(Event))
        && typeof(EventBase).IsAssignableFrom(received.ParameterType)
        && !method.ContainsGenericParameters;

    /// <summary>What the handler returns, a Task when it isn't at its end.</summary>
    public object? Call(Event received) => _function(_context, received) switch
    {
        ValueTask task => task.AsTask(),
        var result => result,
    };

    /// <summary>The value of a task that ended well, null when it has none.</summary>
    public static object? Result(Task task)
    {
        switch (task)
        {
            case Task<string> text:
                return text.Result;
            case Task<Response> response:
                return response.Result;
            case Task<object> any:
                return any.Result;
        }
        var type = task.GetType();
        while (type is not null && type != typeof(Task))
        {
            if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Task<>))
            {
                // what an async method without a value has
                return type.GenericTypeArguments[0].Name == "VoidTaskResult"
                    ? null
                    : type.GetProperty("Result")!.GetValue(task);
            }
            type = type.BaseType;
        }
        return null;
    }

    private static Func<Context, Event, object?> Box<T>(MethodInfo method, object? target)
    {
        var function = method.CreateDelegate<Func<Context, Event, T>>(target);
        var isTask = typeof(T).IsGenericType
            && typeof(T).GetGenericTypeDefinition() == typeof(ValueTask<>);
        if (!isTask)
        {
            return (context, received) => function(context, received);
        }
        var task = typeof(T).GetMethod("AsTask")!;
        return (context, received) => task.Invoke(function(context, received), null);
    }
}
