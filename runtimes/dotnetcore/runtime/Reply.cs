// From what a handler did to the bytes of the reply.

using System;
using System.Diagnostics;
using System.Text;

namespace Fn;

internal static class Reply
{
    private const int Joined = 65536; // bytes of a body that is sent in one piece with its line

    /// <summary>A response that is no stream, line and body (PROTOCOL 5.3, 5.4).</summary>
    /// <exception cref="Exception">It makes no sense, and nothing was sent.</exception>
    public static void Send(
        Connection connection, Line line, string id, in Answer answer, long duration, int lineMax)
    {
        var text = answer.Text;
        var length = text is null ? answer.Bytes.Length : Encoding.UTF8.GetByteCount(text);
        Head(line, id, answer, length, duration, lineMax);
        if (length > Joined)
        {
            var bytes = text is null ? answer.Bytes.Span : Encoding.UTF8.GetBytes(text);
            _ = connection.Write(line.Written) && connection.Write(bytes);
            return;
        }
        _ = text is null ? line.Raw(answer.Bytes.Span) : line.Utf8(text);
        connection.Write(line.Written);
    }

    /// <summary>The line of a response; a length of null is a stream (5.6).</summary>
    public static void Head(
        Line line, string id, in Answer answer, long? length, long duration, int lineMax)
    {
        Protocol.Response(line.Clear(), id, answer.Status);
        Protocol.Headers(line, answer.ContentType, answer.Headers);
        Protocol.Body(line, length, duration);
        if (line.Length > lineMax)
        {
            throw new ArgumentException($"the response's headers need more than {lineMax} bytes");
        }
    }

    /// <summary>The handler failed (PROTOCOL 5.8).</summary>
    public static void Error(
        Line line, string id, Exception exception, long duration, int lineMax)
    {
        Protocol.Error(
            line.Clear(),
            id,
            exception.GetType().Name,
            Message(exception),
            Stack(exception),
            duration,
            lineMax);
    }

    /// <summary>Since a Stopwatch's time, in microseconds.</summary>
    public static long Microseconds(long since) =>
        (Stopwatch.GetTimestamp() - since) / (Stopwatch.Frequency / 1_000_000);

    // user code is called here, and may fail again
    private static string Message(Exception exception)
    {
        try
        {
            return exception.Message ?? "";
        }
        catch (Exception again)
        {
            return $"<{again.GetType().Name}>";
        }
    }

    // the class, text and frames of each, without those of the runtime
    private static string Stack(Exception? exception)
    {
        var stack = new StringBuilder();
        for (; exception is not null; exception = exception.InnerException)
        {
            var message = Message(exception);
            stack.Append(stack.Length > 0 ? "caused by " : "").Append(exception.GetType());
            stack.Append(": ").Append(message, 0, Math.Min(message.Length, 1024)).Append('\n');
            foreach (var frame in (exception.StackTrace ?? "").Split('\n'))
            {
                if (frame.Length > 0 && !frame.StartsWith("   at Fn.", StringComparison.Ordinal))
                {
                    stack.Append(frame).Append('\n');
                }
            }
        }
        return stack.ToString();
    }
}
