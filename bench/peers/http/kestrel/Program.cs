// Says hello on the unix socket that is named by the first argument.

var builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.ConfigureKestrel(options => options.ListenUnixSocket(args[0]));

var app = builder.Build();
app.Run(context =>
{
    context.Response.ContentType = "text/plain";
    context.Response.ContentLength = 18;
    return context.Response.WriteAsync("Hello from Kestrel");
});
app.Run();
