// The workloads on the unix socket that is named by the first argument.

using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

var builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.ConfigureKestrel(options => options.ListenUnixSocket(args[0]));

var app = builder.Build();
app.Run(async context =>
{
    switch (context.Request.Path.Value)
    {
        case "/hello":
            await Send(context, "text/plain", Encoding.UTF8.GetBytes("Hello, world"));
            break;
        case "/json":
            var value = JsonSerializer.Deserialize<JsonNode>(await Read(context));
            await Send(context, "application/json",
                JsonSerializer.SerializeToUtf8Bytes(value));
            break;
        case "/body":
            var length = (await Read(context)).Length.ToString();
            await Send(context, "text/plain", Encoding.UTF8.GetBytes(length));
            break;
        case "/wait":
            await Task.Delay(10);
            await Send(context, "text/plain", Encoding.UTF8.GetBytes("waited"));
            break;
    }
});
app.Run();

static async Task<byte[]> Read(HttpContext context)
{
    var length = (int)(context.Request.ContentLength ?? 0);
    var body = new byte[length];
    await context.Request.Body.ReadExactlyAsync(body);
    return body;
}

static async Task Send(HttpContext context, string type, byte[] body)
{
    context.Response.ContentType = type;
    context.Response.ContentLength = body.Length;
    await context.Response.Body.WriteAsync(body);
}
