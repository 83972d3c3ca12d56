// Values of a record's "with": any object as JSON that nginx's reader takes (PROTOCOL 3.3, 5.2).

using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Fn;

internal static class Plain
{
    private const int Depth = Protocol.DepthMax - 2; // what stands around a value of "with"
    private const int NameRoom = 256;

    /// <summary>The members of an object, as many as end before last (a length of line).</summary>
    public static void Members(Line line, Dictionary<string, object?> with, int last)
    {
        var names = new HashSet<string>();
        var comma = false;
        foreach (var (name, value) in with)
        {
            var start = line.Length;
            if (!names.Add(Clean(name)))
            {
                continue;
            }
            line.Raw(comma ? ","u8 : ""u8).Text(Clean(name), NameRoom).Raw(":"u8);
            var room = last - line.Length;
            Member(line, value, room);
            if (line.Length > last)
            {
                line.Cut(start);
                return;
            }
            comma = true;
        }
    }

    // a value that needs more room is text
    private static void Member(Line line, object? value, int room)
    {
        var start = line.Length;
        if (value is string text)
        {
            line.Text(text, Math.Max(room, 2));
            return;
        }
        try
        {
            Value(line, value, Depth);
        }
        catch (Exception exception)
        {
            // user code: an enumeration, ToString()
            line.Cut(start);
            line.Text($"<{exception.GetType().Name}>");
        }
        if (line.Length - start > room)
        {
            var json = Encoding.UTF8.GetString(line.Written[start..]);
            line.Cut(start);
            line.Text(json, Math.Max(room, 2));
        }
    }

    private static void Value(Line line, object? value, int depth)
    {
        switch (value)
        {
            case null:
                line.Raw("null"u8);
                break;
            case string text:
                line.Text(text);
                break;
            case bool truth:
                line.Raw(truth ? "true"u8 : "false"u8);
                break;
            case sbyte or byte or short or ushort or int or uint or long:
                line.Number(Convert.ToInt64(value));
                break;
            case float or double or decimal or ulong:
                Number(line, ((IFormattable)value).ToString(null, CultureInfo.InvariantCulture));
                break;
            case JsonElement element:
                Element(line, element, depth);
                break;
            case IDictionary or IEnumerable when depth == 0:
                line.Text(value.ToString());
                break;
            case IDictionary dictionary:
                Object(line, Pairs(dictionary), depth);
                break;
            case IEnumerable list and not byte[]:
                Array(line, list, depth);
                break;
            default:
                Other(line, value, depth);
                break;
        }
    }

    // 64 bits, or a fraction or an exponent; all else is text
    private static void Number(Line line, string number)
    {
        var real = number.AsSpan().ContainsAny('.', 'e', 'E');
        var fits = real
            ? double.TryParse(number, CultureInfo.InvariantCulture, out var value)
                && double.IsFinite(value)
            : long.TryParse(number, CultureInfo.InvariantCulture, out _);
        _ = fits ? line.Ascii(number) : line.Text(number);
    }

    private static void Element(Line line, JsonElement element, int depth)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object when depth > 0:
                Object(line, Pairs(element), depth);
                break;
            case JsonValueKind.Array when depth > 0:
                Array(line, element.EnumerateArray(), depth);
                break;
            case JsonValueKind.String:
                line.Text(element.GetString());
                break;
            case JsonValueKind.Number:
                Number(line, element.GetRawText());
                break;
            case JsonValueKind.True or JsonValueKind.False or JsonValueKind.Null:
                line.Ascii(element.GetRawText());
                break;
            default:
                line.Text(element.ToString());
                break;
        }
    }

    private static void Object(Line line, IEnumerable<(string, object?)> members, int depth)
    {
        var names = new HashSet<string>();
        line.Raw("{"u8);
        foreach (var (name, value) in members)
        {
            if (names.Add(Clean(name)))
            {
                line.Raw(names.Count > 1 ? ","u8 : ""u8).Text(Clean(name)).Raw(":"u8);
                Value(line, value, depth - 1);
            }
        }
        line.Raw("}"u8);
    }

    private static IEnumerable<(string, object?)> Pairs(IDictionary dictionary)
    {
        foreach (DictionaryEntry entry in dictionary)
        {
            yield return (entry.Key.ToString() ?? "", entry.Value);
        }
    }

    private static IEnumerable<(string, object?)> Pairs(JsonElement element)
    {
        foreach (var property in element.EnumerateObject())
        {
            yield return (property.Name, property.Value);
        }
    }

    private static void Array(Line line, IEnumerable list, int depth)
    {
        var first = true;
        line.Raw("["u8);
        foreach (var one in list)
        {
            line.Raw(first ? ""u8 : ","u8);
            first = false;
            Value(line, one, depth - 1);
        }
        line.Raw("]"u8);
    }

    private static void Other(Line line, object value, int depth)
    {
        JsonElement element;
        try
        {
            element = JsonSerializer.SerializeToElement(value, value.GetType());
        }
        catch (Exception)
        {
            line.Text(value.ToString());
            return;
        }
        Element(line, element, depth);
    }

    // a name has no U+0000 (5.2), and no half of a surrogate pair
    private static string Clean(string name)
    {
        var clean = name.Replace('\0', '\ufffd');
        return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(clean));
    }
}
