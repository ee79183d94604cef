using Millpond.Server.Configuration;

namespace Millpond.Server.Operations.Cost;

/// <summary>What a month costs, in the currency of the price list.</summary>
public sealed record CostBill(decimal Storage, decimal Transfer, decimal Secrets, decimal SecretCalls)
{
    /// <summary>ECR counts in GB. AWS does not say of how many bytes; the smaller one is the larger bill.</summary>
    private const decimal Gigabyte = 1_000_000_000;

    private const decimal CallsOfPrice = 10_000;

    public decimal Total => Storage + Transfer + Secrets + SecretCalls;

    /// <summary>The same on ECR.</summary>
    /// <param name="bytes">Stored as ECR counts it.</param>
    /// <param name="sent">Bytes sent to clients in a month.</param>
    /// <param name="calls">Calls of Secrets Manager in a month.</param>
    public static CostBill OnEcr(CostConfiguration prices, long bytes, decimal sent, long secrets, decimal calls) => new(
        bytes / Gigabyte * prices.EcrStorage, sent / Gigabyte * prices.EcrTransfer, secrets * prices.Secret, calls / CallsOfPrice * prices.SecretCalls);

    /// <summary>Here: the disk, what is sent, and secrets that AWS keeps.</summary>
    /// <param name="bytes">Stored on the disk.</param>
    public static CostBill Here(CostConfiguration prices, long bytes, decimal sent, long secretsOfAws) => new(
        bytes / Gigabyte * prices.Disk, sent / Gigabyte * prices.TransferHere, secretsOfAws * prices.Secret, 0);
}
