using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Http;

namespace Millpond.Server.Operations;

/// <summary>A short page for people: text for a terminal, HTML for who accepts it. Whatever is put into it is escaped for either.</summary>
internal sealed class Page(bool isHtml)
{
    /// <summary>Nothing is loaded and nothing runs, whatever a page holds.</summary>
    private const string ContentPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

    private const string Head =
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Millpond</title>"
        + "<style>body{font:1rem/1.5 sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}td{padding:.1rem 1.5rem .1rem 0;vertical-align:top}</style></head><body>\n";

    private readonly StringBuilder text = new(isHtml ? Head : "");

    /// <summary>HTML for browsers, which say so; curl takes anything and is given text.</summary>
    public static Page For(HttpRequest request) => new(request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase));

    public void Heading(string line) => Add(line, "<h1>{0}</h1>\n", "{0}\n\n");

    public void Paragraph(string line) => Add(line, "<p>{0}</p>\n", "{0}\n\n");

    public void Command(string line) => Add(line, "<pre>{0}</pre>\n", "  {0}\n\n");

    /// <param name="areLinks">Whether the first column holds paths of this server.</param>
    public void Table(IEnumerable<(string Left, string Right)> rows, bool areLinks = false)
    {
        var all = rows.ToList();
        var width = all.Count == 0 ? 0 : all.Max(row => row.Left.Length);
        text.Append(isHtml ? "<table>\n" : "");
        foreach (var (left, right) in all)
        {
            if (isHtml)
            {
                var name = Encode(left);
                text.Append("<tr><td>").Append(areLinks ? $"<a href=\"{name}\">{name}</a>" : name).Append("</td><td>").Append(Encode(right)).Append("</td></tr>\n");
            }
            else
            {
                text.Append("  ").Append(Encode(left).PadRight(width + 2)).Append(Encode(right)).Append('\n');
            }
        }

        text.Append(isHtml ? "</table>\n" : "\n");
    }

    public Task WriteAsync(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.Vary = "Accept";
        if (isHtml)
        {
            headers.ContentSecurityPolicy = ContentPolicy;
            text.Append("</body></html>\n");
        }

        var mediaType = isHtml ? "text/html; charset=utf-8" : "text/plain; charset=utf-8";
        return OperationsEndpoints.WriteAsync(context, StatusCodes.Status200OK, mediaType, Encoding.UTF8.GetBytes(isHtml ? text.ToString() : text.ToString().TrimEnd('\n') + "\n"));
    }

    private void Add(string line, string html, string plain) => text.AppendFormat(null, isHtml ? html : plain, Encode(line));

    private string Encode(string value) => isHtml ? HtmlEncoder.Default.Encode(value) : string.Concat(value.Select(one => char.IsControl(one) ? ' ' : one));
}
