using System.Buffers.Text;
using System.Text;

namespace Millpond.Server.Ecr.Protocol;

/// <summary>A page of a list whose entries have names in order: its token is the last name of the page before.</summary>
/// <param name="After">Entries after this one.</param>
/// <param name="Limit">At most so many.</param>
public readonly record struct AwsPage(string After, int Limit)
{
    private const int Usual = 100;

    /// <param name="without">A member that may not stand beside the page's own.</param>
    public static AwsPage Of(AwsInput input, int usual = Usual, string? without = null)
    {
        if (without is not null && input.Has(without) && (input.Has("nextToken") || input.Has("maxResults")))
        {
            throw new AwsErrorException(AwsError.InvalidParameter($"Invalid parameter at 'nextToken' failed to satisfy constraint: 'nextToken and maxResults cannot be used with {without}'"));
        }

        return new(ReadToken(input.TextOrNull("nextToken")), (int)(input.NumberOrNull("maxResults") ?? usual));
    }

    /// <summary>The token of the page that follows; null where none does.</summary>
    /// <param name="found">One more than the limit where another page follows.</param>
    /// <param name="last">The name of the page's last entry.</param>
    public string? Next(int found, Func<int, string> last) => found > Limit ? Base64Url.EncodeToString(Encoding.UTF8.GetBytes("1" + last(Limit - 1))) : null;

    public static string ReadToken(string? token)
    {
        if (string.IsNullOrEmpty(token))
        {
            return "";
        }

        try
        {
            var text = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(token));
            return text.StartsWith('1') ? text[1..] : throw new FormatException();
        }
        catch (FormatException)
        {
            throw new AwsErrorException(AwsError.InvalidParameter("Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid next token'"));
        }
    }
}
