using System.Text.Json.Nodes;
using Millpond.Cli;
using Millpond.Cli.Access;
using Millpond.Server.Access;
using Millpond.Server.Access.Signatures;

namespace Millpond.Tests.Cli;

/// <summary>What <c>millpond access</c> reads and prints; against a server it is run by the tests of real clients.</summary>
public sealed class AccessCommandTests
{
    [Theory]
    [InlineData("ini", "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n")]
    [InlineData("env", "export AWS_ACCESS_KEY_ID=AKIA1\nexport AWS_SECRET_ACCESS_KEY=s\n")]
    public void A_key_is_printed_as_it_is_used(string format, string expected) =>
        Assert.Equal(expected, KeyFormat.Write(JsonNode.Parse("""{"arn":"a","accessKeyId":"AKIA1","secretAccessKey":"s"}""")!, format));

    [Fact]
    public void The_environment_comes_before_the_file()
    {
        var found = Find(new Dictionary<string, string> { ["AWS_ACCESS_KEY_ID"] = "A", ["AWS_SECRET_ACCESS_KEY"] = "s", ["AWS_SESSION_TOKEN"] = "t" });
        Assert.Equal(("A", "s", "t"), (found!.KeyId, found.Secret, found.SessionToken));
    }

    [Fact]
    public void A_profile_of_the_file_is_taken()
    {
        using var folder = new Fixtures.TemporaryFolder();
        var file = folder.Write("credentials", "[other]\naws_access_key_id=B\naws_secret_access_key=x\n\n[default]\n# a comment\naws_access_key_id = A\naws_secret_access_key = s=s\n");
        var environment = new Dictionary<string, string> { ["AWS_SHARED_CREDENTIALS_FILE"] = file };
        Assert.Equal(("A", "s=s"), (Find(environment)!.KeyId, Find(environment)!.Secret));
        Assert.Equal("B", Find(new Dictionary<string, string>(environment) { ["AWS_PROFILE"] = "other" })!.KeyId);
        Assert.Null(Find(new Dictionary<string, string>(environment) { ["AWS_PROFILE"] = "none" }));
    }

    private static AwsCredentials? Find(Dictionary<string, string> environment) => AwsCredentials.Find(environment.GetValueOrDefault, out _);

    [Fact]
    public async Task A_password_is_hashed()
    {
        var run = await VerbRun.OfAsync(streams => AccessCommand.Create(streams, TimeProvider.System), "secret\n", ["hash"]);
        Assert.Equal(0, run.ExitCode);
        Assert.True(PasswordHash.Fits(run.Output.Trim(), "secret"));
        Assert.False(PasswordHash.Fits(run.Output.Trim(), "other"));
    }
}
