using Millpond.Server.Configuration;

namespace Millpond.Tests.Configuration;

/// <summary>A folder with a configuration file and the files it names; reads it as the program would.</summary>
internal sealed class ConfigurationFile : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("millpond-configuration-");

    public ConfigurationFile(string yaml = "") => File.WriteAllText(Path, yaml);

    public string Path => System.IO.Path.Join(folder.FullName, "millpond.yaml");

    public Dictionary<string, string> Environment { get; } = new(StringComparer.Ordinal);

    public List<FlagValue> Flags { get; } = [];

    /// <summary>Reads YAML in which <c>FOLDER</c> stands for this folder.</summary>
    public static ConfigurationResult Read(string yaml, params (string Name, string Value)[] environment)
    {
        using var file = new ConfigurationFile(yaml);
        foreach (var (name, value) in environment)
        {
            file.Environment[name] = value;
        }

        return file.Read();
    }

    /// <summary>A configuration that must be right.</summary>
    public static ServerConfiguration Right(string yaml, params (string Name, string Value)[] environment)
    {
        var result = Read(yaml, environment);
        Assert.True(result.Configuration is not null, result.Describe());
        return result.Configuration!;
    }

    /// <summary>The only mistake of a configuration.</summary>
    public static ConfigurationMistake Wrong(string yaml, params (string Name, string Value)[] environment)
    {
        var result = Read(yaml, environment);
        Assert.Null(result.Configuration);
        Assert.True(result.Mistakes.Length == 1, result.Describe());
        return result.Mistakes[0];
    }

    /// <summary>Makes a file beside the configuration and says where it is.</summary>
    public string Make(string name, string content = "")
    {
        var path = System.IO.Path.Join(folder.FullName, name);
        File.WriteAllText(path, content);
        return path;
    }

    public ConfigurationResult Read() => ConfigurationReader.Read(Path, Environment, Flags);

    public void Dispose() => folder.Delete(recursive: true);
}
