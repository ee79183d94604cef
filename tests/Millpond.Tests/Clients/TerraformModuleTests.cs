using Millpond.Server.Configuration;

namespace Millpond.Tests.Clients;

/// <summary>The module's own tests, and that it knows the presets the server knows.</summary>
public sealed class TerraformModuleTests
{
    private static readonly string Module = Path.Join(RequireClient.Repository, "deploy/terraform/registry-locals");

    [Fact]
    [Trait("Category", "Clients")]
    public async Task The_module_passes_its_own_tests()
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        Assert.SkipUnless(folders.Any(folder => File.Exists(Path.Join(folder, "terraform"))), "terraform is not installed, and Debian has none.");
        using var terraform = new ClientProgram("terraform") { Environment = { ["TF_CLI_CONFIG_FILE"] = "", ["CHECKPOINT_DISABLE"] = "1" } };
        Directory.CreateDirectory(terraform.File("tests"));
        foreach (var file in Directory.GetFiles(Module, "*.tf").Concat(Directory.GetFiles(Path.Join(Module, "tests"))))
        {
            File.Copy(file, terraform.File(Path.GetRelativePath(Module, file)));
        }

        (await terraform.RunAsync("init", "-input=false", "-no-color")).ShouldSucceed();
        var answer = (await terraform.RunAsync("test", "-no-color")).ShouldSucceed();
        Assert.Contains(" 0 failed", answer.Output, StringComparison.Ordinal);
        (await terraform.RunAsync("fmt", "-check", "-recursive", "-no-color", Module)).ShouldSucceed();
    }

    [Fact]
    public void The_module_has_every_preset_by_its_name_and_prefix()
    {
        var text = File.ReadAllText(Path.Join(Module, "main.tf"));
        Assert.All(Preset.All, preset => Assert.Contains($"{{ host = \"{preset.UpstreamName}\", prefix = \"{preset.Prefix}\", enabled", text, StringComparison.Ordinal));
    }
}
