// One function calls another: HTTP to the server that FN_CALL names (PROTOCOL 1.4).

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using Nuclio.Sdk;

namespace Fn;

/// <param name="address">FN_CALL: unix:PATH or HOST:PORT</param>
internal sealed class Caller(string address)
{
    // the connection's own, or about a body that may be another by now
    private static readonly string[] s_dropped =
    [
        "Connection", "Content-Length", "Content-Type", "Expect", "Host", "Keep-Alive",
        "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "X-Nuclio-Target",
    ];

    private readonly string? _path =
        address.StartsWith("unix:", StringComparison.Ordinal) ? address[5..] : null;

    private HttpClient? _client;

    /// <summary>See Platform.CallFunction.</summary>
    public Response Call(string name, Event called)
    {
        using var request = Request(name, called);
        using var answer = (_client ??= Client()).Send(request);
        using var body = new MemoryStream();
        answer.Content.ReadAsStream().CopyTo(body);
        return new Response
        {
            StatusCode = (int)answer.StatusCode,
            ContentType = answer.Content.Headers.ContentType?.ToString() ?? "",
            Body = Encoding.UTF8.GetString(body.ToArray()),
            BodyObject = body.ToArray(),
            Headers = answer.Headers.Concat(answer.Content.Headers).ToDictionary(
                one => one.Key,
                one => one.Value.ToArray() is [var single] ? single : (object)one.Value.ToArray(),
                StringComparer.OrdinalIgnoreCase),
        };
    }

    private HttpRequestMessage Request(string name, Event called)
    {
        var body = called.Body ?? [];
        var method = string.IsNullOrEmpty(called.Method)
            ? body.Length > 0 ? "POST" : "GET"
            : called.Method;
        var host = _path is null ? address : "localhost";
        var request = new HttpRequestMessage(
            new HttpMethod(method), $"http://{host}/{(called.Path ?? "").TrimStart('/')}");
        foreach (var (header, value) in called.Headers)
        {
            if (value is not null && !s_dropped.Contains(header, StringComparer.OrdinalIgnoreCase))
            {
                request.Headers.TryAddWithoutValidation(header, value as IEnumerable<string>
                    ?? [Convert.ToString(value, CultureInfo.InvariantCulture) ?? ""]);
            }
        }
        request.Headers.TryAddWithoutValidation("X-Nuclio-Target", name);
        if (body.Length > 0 || method is not ("GET" or "HEAD"))
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.TryAddWithoutValidation(
                "Content-Type",
                string.IsNullOrEmpty(called.ContentType) ? "text/plain" : called.ContentType);
        }
        return request;
    }

    // no redirects, cookies or proxies: the answer is the function's
    private HttpClient Client()
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8,
            ResponseHeaderEncodingSelector = (_, _) => Encoding.UTF8,
        };
        if (_path is not null)
        {
            handler.ConnectCallback = async (_, cancel) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, default);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(_path), cancel);
                return new NetworkStream(socket, ownsSocket: true);
            };
        }
        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }
}
