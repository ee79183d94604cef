using System.CommandLine;
using System.Text.Json;
using Millpond.Cli.Mirrors;
using Millpond.Images;

namespace Millpond.Cli;

/// <summary>
/// <c>millpond mirror</c>: container runtimes ask the cache first, and references stay as they are. Each format's files can be put back
/// as they were with <c>--remove</c>.
/// </summary>
internal static class MirrorCommand
{
    private const int BadArguments = 2;

    private static readonly Option<string> HostsFolder = Place("--dir", "The folder of the hosts' files.", "/etc/containerd/certs.d");
    private static readonly Option<string> ConfFile = Place("--file", "The drop-in.", "/etc/containers/registries.conf.d/50-millpond.conf");
    private static readonly Option<string> DaemonFile = Place("--file", "docker's configuration.", "/etc/docker/daemon.json");
    private static readonly Option<string> K3sFile = Place("--file", "k3s' registries.", "/etc/rancher/k3s/registries.yaml");
    private static readonly Option<string> Rke2File = Place("--file", "RKE2's registries.", "/etc/rancher/rke2/registries.yaml");
    private static readonly Option<string> KindFolder = Place("--dir", "Where to make kind.yaml and the folder it mounts.", "./millpond-kind");

    public static Command Create()
    {
        Option[] which = [MirrorArguments.TierNames, MirrorArguments.Config, MirrorArguments.Upstream];
        Option[] trust = [MirrorArguments.Ca, MirrorArguments.SkipVerify];
        var registriesConf = Format(
            "registries-conf", "registries.conf of CRI-O, podman, buildah and skopeo. (A CA goes into /etc/containers/certs.d/HOST/ca.crt.)",
            RegistriesConfFile, ConfFile, [.. which, MirrorArguments.SkipVerify, MirrorArguments.NoFallBack]);
        registriesConf.Aliases.Add("crio");
        registriesConf.Aliases.Add("podman");
        return new Command("mirror", "Make a node's container runtime pull through the cache; references stay as they are.")
        {
            Format("containerd", "containerd's certs.d: a hosts.toml for each upstream.", Containerd, HostsFolder,
                [.. which, .. trust, MirrorArguments.NoFallBack, MirrorArguments.Form]),
            registriesConf,
            Format("docker", "docker's daemon.json, for Docker Hub alone: --endpoint is a listener or host name of the docker-hub rule. docker always falls back. (A CA goes into /etc/docker/certs.d/HOST/ca.crt.)",
                Docker, DaemonFile, [MirrorArguments.SkipVerify]),
            Format("k3s", "k3s' registries.yaml. The upstreams stay the last resort unless k3s is started with disable-default-registry-endpoint.",
                (arguments, cancellation) => Registries(arguments, K3sFile, "k3s", cancellation), K3sFile, [.. which, .. trust]),
            Format("rke2", "RKE2's registries.yaml. The upstreams stay the last resort unless RKE2 is started with disable-default-registry-endpoint.",
                (arguments, cancellation) => Registries(arguments, Rke2File, "RKE2", cancellation), Rke2File, [.. which, .. trust]),
            Format("kind", "A kind cluster's configuration, with the files for containerd in its node.", Kind, KindFolder,
                [.. which, .. trust, MirrorArguments.NoFallBack, MirrorArguments.Form]),
        };
    }

    private static Option<string> Place(string name, string description, string where) =>
        new(name) { Description = description, HelpName = "PATH", DefaultValueFactory = _ => where };

    private static Command Format(string name, string description, Func<ParseResult, CancellationToken, Task<int>> run, Option<string> place, Option[] options)
    {
        var command = new Command(name, description) { MirrorArguments.Server, MirrorArguments.Endpoint, MirrorArguments.Operations, MirrorArguments.AuthFile, place };
        foreach (var option in options)
        {
            command.Add(option);
        }

        command.Add(MirrorArguments.Remove);
        command.Add(MirrorArguments.Force);
        command.Add(MirrorArguments.Print);
        command.SetAction(run);
        return command;
    }

    private static Task<int> Containerd(ParseResult arguments, CancellationToken cancellationToken)
    {
        var folder = arguments.GetRequiredValue(HostsFolder);
        return RunAsync(arguments, run => RemoveHosts(run, folder), (run, settings) =>
        {
            WriteHosts(run, settings, folder);
            run.Advise($"containerd reads {folder} at each pull, where its configuration has it as registry config_path.");
        }, cancellationToken);
    }

    private static Task<int> RegistriesConfFile(ParseResult arguments, CancellationToken cancellationToken)
    {
        var file = new PlacedFile(arguments.GetRequiredValue(ConfFile));
        return RunAsync(arguments, run => run.Remove(file), (run, settings) =>
        {
            run.Write(file, RegistriesConf.Write(settings), settings.Origin);
            run.Advise("podman, buildah and skopeo read it at each pull; CRI-O after 'systemctl reload crio'.");
        }, cancellationToken);
    }

    private static Task<int> Registries(ParseResult arguments, Option<string> place, string program, CancellationToken cancellationToken)
    {
        var file = new PlacedFile(arguments.GetRequiredValue(place));
        return RunAsync(arguments, run => run.Remove(file), (run, settings) =>
        {
            if (RegistriesYaml.FindRewritten(file.Before, settings) is { } rewritten)
            {
                run.Fail($"{file.Path}: the entry of {rewritten} has 'rewrite' settings, which {program} would apply to what the cache is asked for, too, so that it is asked for other names. Take them out, with the endpoint that they are for, or leave {rewritten} out by --tiers. Nothing was written.");
            }
            else if (RegistriesYaml.TryAdd(file.Before, settings, out var content))
            {
                run.Write(file, content, settings.Origin);
                run.Advise($"{program} reads it when it is started again.");
            }
            else
            {
                run.Fail($"{file.Path} is no registries.yaml: 'mirrors', its registries and their 'endpoint' must be mappings and a list. Nothing was written.");
            }
        }, cancellationToken);
    }

    private static Task<int> Docker(ParseResult arguments, CancellationToken cancellationToken)
    {
        var file = new PlacedFile(arguments.GetRequiredValue(DaemonFile));
        return RunAsync(arguments, run => RemoveFromDocker(run, file), (run, settings) =>
        {
            if (arguments.GetValue(MirrorArguments.Endpoint) is null)
            {
                throw new CommandFailedException(
                    "docker names no registry in its requests: write --endpoint URL, a listener ('listeners' in the server's configuration) or host name ('hosts') of the rule docker-hub.");
            }

            if (arguments.GetValue(MirrorArguments.Server) is not null && settings.Upstreams.All(upstream => upstream.Host != UpstreamHosts.DockerHub))
            {
                throw new CommandFailedException("The server has no rule for Docker Hub, and docker asks mirrors for nothing else.");
            }

            if (file.IsChangedSince)
            {
                RemoveFromDocker(run, file);
            }

            if (DockerDaemon.TryAdd(file.Before, settings, out var content))
            {
                run.Write(file, content, settings.Origin);
                run.Advise("docker reads it after 'systemctl reload docker'.");
            }
            else
            {
                run.Fail($"{file.Path} is not JSON as docker has it (an object, with lists of registries). Nothing was written.");
            }
        }, cancellationToken);
    }

    private static Task<int> Kind(ParseResult arguments, CancellationToken cancellationToken)
    {
        var folder = Path.GetFullPath(arguments.GetRequiredValue(KindFolder));
        var hosts = Path.Join(folder, "certs.d");
        var cluster = new PlacedFile(Path.Join(folder, "kind.yaml"));
        return RunAsync(
            arguments,
            run =>
            {
                RemoveHosts(run, hosts);
                run.Remove(cluster);
            },
            (run, settings) =>
            {
                run.Write(cluster, KindCluster.Write(hosts), settings.Origin);
                WriteHosts(run, settings, hosts);
                run.Advise($"Now: kind create cluster --config {cluster.Path}");
                if (settings.Server.IsLoopback)
                {
                    run.Advise($"{settings.Origin} is each node's own loopback: let Millpond listen where the nodes reach it, and name that.");
                }
            },
            cancellationToken);
    }

    private static async Task<int> RunAsync(
        ParseResult arguments, Action<MirrorRun> remove, Action<MirrorRun, MirrorSettings> write, CancellationToken cancellationToken)
    {
        var run = new MirrorRun(arguments);
        try
        {
            if (arguments.GetValue(MirrorArguments.Remove))
            {
                remove(run);
            }
            else
            {
                write(run, await MirrorArguments.ReadAsync(arguments, cancellationToken));
            }
        }
        catch (CommandFailedException mistake)
        {
            await arguments.InvocationConfiguration.Error.WriteLineAsync(mistake.Message);
            return BadArguments;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException)
        {
            run.Fail(failure.Message);
        }

        return run.ExitCode;
    }

    private static void WriteHosts(MirrorRun run, MirrorSettings settings, string folder)
    {
        var files = ContainerdHosts.Write(settings).Select(host => (File: new PlacedFile(Path.Join(folder, host.Path)), host.Content)).ToArray();
        foreach (var (file, content) in files)
        {
            run.Write(file, content, settings.Origin);
        }

        // What an earlier run has written for an upstream that is no more meant.
        foreach (var file in WrittenHosts(folder, [.. files.Select(file => file.File.Path)]))
        {
            run.Remove(file);
        }
    }

    private static void RemoveHosts(MirrorRun run, string folder)
    {
        var written = WrittenHosts(folder, []);
        foreach (var file in written)
        {
            run.Remove(file);
        }

        if (written.Length == 0)
        {
            run.Say($"{folder}: millpond has written nothing there");
        }
    }

    private static PlacedFile[] WrittenHosts(string folder, string[] except) => !Directory.Exists(folder)
        ? []
        : [.. Directory.EnumerateFiles(folder, "hosts.toml" + PlacedFile.RecordSuffix, SearchOption.AllDirectories)
            .Select(record => new PlacedFile(record[..^PlacedFile.RecordSuffix.Length]))
            .Where(file => !except.Contains(file.Path))
            // Last the one for which the outer folder was made: then it is empty.
            .OrderBy(file => file.FoldersMade).ThenBy(file => file.Path, StringComparer.Ordinal)];

    private static void RemoveFromDocker(MirrorRun run, PlacedFile file)
    {
        if (file.IsChangedSince && DockerDaemon.TryTakeOut(file.Now ?? "", file.Origin ?? "", out var remaining))
        {
            run.TakeOut(file, remaining);
        }
        else
        {
            run.Remove(file);
        }
    }
}
