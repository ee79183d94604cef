namespace Millpond.Server.Store;

/// <summary>The data folder cannot be had; the message says why and what to do.</summary>
public sealed class DataFolderException(string message, Exception? cause) : Exception(message, cause);
