using System.CommandLine;

// The table of contents of the program: one static class per verb, in its own file.
var root = new RootCommand("A pull-through cache for container images.");
return await root.Parse(args).InvokeAsync();
