// What a handler returned, every kind of it, as status, headers and body.

using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Tasks;
using Nuclio.Sdk;

namespace Fn;

/// <summary>Body is a string, bytes or, for a stream, Pieces.</summary>
internal struct Answer
{
    private const string TextType = "text/plain"; // nuclio's default
    private const string JsonType = "application/json";
    private const int PieceSize = 65536; // bytes read from a Stream at once

    private static JsonSerializerOptions? s_options;

    public int Status;
    public string ContentType;
    public IEnumerable<KeyValuePair<string, object?>>? Headers;
    public string? Text;
    public ReadOnlyMemory<byte> Bytes;
    public IAsyncEnumerable<object?>? Pieces;

    /// <exception cref="Exception">It makes no sense (PROTOCOL 7.1).</exception>
    public static Answer From(object? result)
    {
        var answer = new Answer { Status = 200, ContentType = TextType };
        if (result is string text)
        {
            answer.Text = text;
            return answer;
        }
        if (result is Response response)
        {
            answer.Set(response);
            return answer;
        }
        if (result is ITuple { Length: 2 } pair && pair[0] is int status)
        {
            answer.Status = status;
            result = pair[1];
        }
        answer.ContentType = answer.SetBody(result) ?? TextType;
        return answer;
    }

    private void Set(Response response)
    {
        var body = response.BodyObject ?? (response.BodyEncoding switch
        {
            "base64" => Convert.FromBase64String(response.Body ?? ""),
            null or "" or "text" => response.Body,
            var other => throw new ArgumentException($"unknown body encoding \"{other}\""),
        });
        var type = SetBody(body);
        Headers = response.Headers is { Count: > 0 } ? response.Headers : null;
        Status = response.StatusCode == 0 ? 200 : response.StatusCode;
        ContentType = type ?? (string.IsNullOrEmpty(response.ContentType)
            ? NamedType() ?? TextType
            : response.ContentType);
    }

    private readonly string? NamedType()
    {
        foreach (var (name, value) in Headers ?? [])
        {
            if (value is not null && Protocol.IsContentType(name))
            {
                return value as string
                    ?? throw new ArgumentException($"content type must be a string, not {value}");
            }
        }
        return null;
    }

    // returns JSON's content type when that is what it is
    private string? SetBody(object? body)
    {
        switch (body)
        {
            case null:
                return null;
            case string text:
                Text = text;
                return null;
            case byte[] bytes:
                Bytes = bytes;
                return null;
            case ReadOnlyMemory<byte> memory:
                Bytes = memory;
                return null;
            case Stream stream:
                Pieces = Read(stream);
                return null;
            case IAsyncEnumerable<object?> pieces:
                Pieces = pieces;
                return null;
            default:
                Bytes = Json(body);
                return JsonType;
        }
    }

    private static async IAsyncEnumerable<object?> Read(Stream stream)
    {
        await using (stream)
        {
            for (; ; )
            {
                var buffer = GC.AllocateUninitializedArray<byte>(PieceSize);
                var size = await stream.ReadAsync(buffer).ConfigureAwait(false);
                if (size == 0)
                {
                    break;
                }
                yield return (ReadOnlyMemory<byte>)buffer.AsMemory(0, size);
            }
        }
    }

    /// <summary>The bytes of a piece of a stream.</summary>
    public static ReadOnlyMemory<byte> Piece(object? value) => value switch
    {
        null => default,
        string text => Encoding.UTF8.GetBytes(text),
        byte[] bytes => bytes,
        ReadOnlyMemory<byte> memory => memory,
        _ => Json(value),
    };

    private static byte[] Json(object value)
    {
        s_options ??= new JsonSerializerOptions
        {
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        };
        return JsonSerializer.SerializeToUtf8Bytes(value, value.GetType(), s_options);
    }
}
