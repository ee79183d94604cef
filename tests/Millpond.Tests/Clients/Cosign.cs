namespace Millpond.Tests.Clients;

/// <summary>Verifies the signatures of <see cref="RealImages.TwoPlatforms"/>: the one under a tag, and the one that refers to the image.</summary>
internal sealed class Cosign : IDisposable
{
    private readonly ClientProgram program = new("cosign");

    public Task<ClientAnswer> VerifyTagAsync(string image) => VerifyAsync(image, "--new-bundle-format=false");

    public Task<ClientAnswer> VerifyBundleAsync(string image) => VerifyAsync(image, "--new-bundle-format=true");

    public void RemoveCache() => program.RemoveCache();

    public void Dispose() => program.Dispose();

    private Task<ClientAnswer> VerifyAsync(string image, string format) =>
        program.RunAsync("verify", "--key", RealImages.CosignKey, "--insecure-ignore-tlog", "--allow-http-registry", format, image);
}
