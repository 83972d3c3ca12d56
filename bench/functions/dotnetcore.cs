// The workloads, in C#.

using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Tasks;
using Nuclio.Sdk;

public class Work
{
    public object Hello(Context context, Event received) => "Hello, world";

    public object Json(Context context, Event received) =>
        JsonSerializer.Deserialize<JsonNode>(received.Body);

    public object Body(Context context, Event received) =>
        received.Body.Length.ToString();

    public async Task<object> Wait(Context context, Event received)
    {
        await Task.Delay(10);
        return "waited";
    }
}
