namespace Millpond.Server.Configuration;

/// <summary>From where clients would pull on ECR.</summary>
public enum ClientPlace
{
    SameRegion,
    OtherRegion,
    Internet,
}

/// <summary>The list of prices that the report of costs counts with: ECR's and Secrets Manager's of us-east-1, and a general purpose disk there.</summary>
public sealed record CostConfiguration
{
    public string Currency { get; init; } = "USD";

    public ClientPlace Clients { get; init; } = ClientPlace.SameRegion;

    /// <summary>A GB (10⁹ bytes) for a month.</summary>
    public decimal EcrStorage { get; init; } = 0.10m;

    /// <summary>A GB sent to clients in the region.</summary>
    public decimal SameRegion { get; init; }

    public decimal OtherRegion { get; init; } = 0.02m;

    public decimal Internet { get; init; } = 0.09m;

    /// <summary>A secret for a month.</summary>
    public decimal Secret { get; init; } = 0.40m;

    /// <summary>10,000 calls of Secrets Manager.</summary>
    public decimal SecretCalls { get; init; } = 0.05m;

    /// <summary>A GB of this server's disk for a month.</summary>
    public decimal Disk { get; init; } = 0.08m;

    /// <summary>A GB that this server sends to clients.</summary>
    public decimal TransferHere { get; init; }

    /// <summary>What ECR takes for a GB sent to where the clients are.</summary>
    public decimal EcrTransfer => Clients switch
    {
        ClientPlace.SameRegion => SameRegion,
        ClientPlace.OtherRegion => OtherRegion,
        ClientPlace.Internet => Internet,
    };

    /// <summary>Where the clients are, as it is written.</summary>
    public string ClientsText => Clients switch
    {
        ClientPlace.SameRegion => "same-region",
        ClientPlace.OtherRegion => "other-region",
        ClientPlace.Internet => "internet",
    };
}
