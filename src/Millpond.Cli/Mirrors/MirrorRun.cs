using System.CommandLine;
using Millpond.Server.Telemetry;

namespace Millpond.Cli.Mirrors;

/// <summary>One run of <c>millpond mirror</c>: does to files what was asked for, and says what became of each.</summary>
internal sealed class MirrorRun(ParseResult arguments)
{
    private const int Failed = 1;

    private readonly TextWriter output = arguments.InvocationConfiguration.Output;
    private readonly TextWriter error = arguments.InvocationConfiguration.Error;
    private readonly bool force = arguments.GetValue(MirrorArguments.Force);
    private readonly bool print = arguments.GetValue(MirrorArguments.Print);

    /// <summary>The exit code so far.</summary>
    public int ExitCode { get; private set; }

    public void Write(PlacedFile file, string content, string origin)
    {
        if (print)
        {
            output.Write($"==> {file.Path}\n{content}\n");
        }
        else
        {
            Report(file, file.Write(content, origin, force));
        }
    }

    public void Remove(PlacedFile file)
    {
        if (!print)
        {
            Report(file, file.Remove(force));
        }
        else
        {
            output.WriteLine($"{file.Path}: {file.WhatRemoveDoes(force) switch
            {
                Placement.NothingToDo => "millpond has written nothing there",
                Placement.ChangedSince => "was changed since millpond wrote it, and would be left alone",
                Placement.PutBack or Placement.AsBefore => "would be put back as it was before",
                _ => "would be removed",
            }}");
        }
    }

    /// <summary>Takes the cache out of a file that others have changed since and that can be edited.</summary>
    public void TakeOut(PlacedFile file, string remaining) => Report(file, file.TakeOut(remaining));

    public void Say(string text) => output.WriteLine(text);

    public void Advise(string text)
    {
        if (ExitCode == 0 && !print)
        {
            output.WriteLine(VisibleText.Of(text));
        }
    }

    public void Fail(string text)
    {
        error.WriteLine(text);
        ExitCode = Failed;
    }

    private void Report(PlacedFile file, Placement placement)
    {
        var text = placement switch
        {
            Placement.Written => $"{file.Path}: written",
            Placement.Unchanged => $"{file.Path}: as it should be",
            Placement.PutBack => $"{file.Path}: put back as it was before",
            Placement.Removed => $"{file.Path}: removed; there was none before",
            Placement.AlreadyGone => $"{file.Path}: was gone already, and there was none before",
            Placement.AsBefore => $"{file.Path}: was as before already",
            Placement.TakenOut => $"{file.Path}: it was changed since, so the cache alone was taken out",
            Placement.NothingToDo => $"{file.Path}: millpond has written nothing there",
            Placement.ChangedSince => $"{file.Path} was changed since millpond wrote it, and is left alone. With --force it is kept as {file.Path}.changed and replaced.",
        };
        if (placement == Placement.ChangedSince)
        {
            Fail(text);
        }
        else
        {
            output.WriteLine(text);
        }
    }
}
