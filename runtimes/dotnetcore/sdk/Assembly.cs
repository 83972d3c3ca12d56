// The assembly has the name of nuclio's, so that handlers which were compiled for it load.

using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("fn_dotnet")]
[assembly: InternalsVisibleTo("fn_dotnet_tests")]
