namespace Millpond.Server.Store;

/// <summary>The data folder cannot be used, and the server does not start. The message says what is wrong and what to do.</summary>
public sealed class DataFolderException(string what, string remedy, Exception? cause = null) : Exception($"{what}. {remedy}.", cause)
{
    /// <summary>What to do about it.</summary>
    public string Remedy { get; } = remedy;
}
