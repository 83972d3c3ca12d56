// The arguments of a query.

using System;
using System.Collections.Generic;
using System.Text;

namespace Fn;

internal static class Arguments
{
    /// <summary>
    /// The arguments of a query of one character a byte: the last of each name, "+" is a space, and
    /// a name without "=" is "".
    /// </summary>
    public static Dictionary<string, object> Read(string query)
    {
        var arguments = new Dictionary<string, object>();
        foreach (var part in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = part.IndexOf('=');
            var name = equals == -1 ? part : part[..equals];
            arguments[Text(name)] = equals == -1 ? "" : Text(part[(equals + 1)..]);
        }
        return arguments;
    }

    // bytes that are escaped, or not
    private static string Text(string part)
    {
        if (!part.AsSpan().ContainsAny('%', '+'))
        {
            return EventLine.Decoded(part);
        }
        var text = new StringBuilder(part.Length);
        for (var i = 0; i < part.Length; i++)
        {
            if (part[i] == '%' && i + 2 < part.Length
                && char.IsAsciiHexDigit(part[i + 1]) && char.IsAsciiHexDigit(part[i + 2]))
            {
                text.Append((char)Convert.ToByte(part.Substring(i + 1, 2), 16));
                i += 2;
            }
            else
            {
                text.Append(part[i] == '+' ? ' ' : part[i]);
            }
        }
        return EventLine.Decoded(text.ToString());
    }
}
