using Microsoft.AspNetCore.Http;
using Millpond.Server.Access;
using Millpond.Server.Access.Tokens;

namespace Millpond.Server.Registry.Callers;

/// <summary>Who asks, found out once for each request and kept with it.</summary>
internal sealed class RegistryCaller(Login login, RequestOrigin origin)
{
    public Login Login => login;

    public RequestOrigin Origin => origin;

    /// <summary>Null for nobody who is known.</summary>
    public Principal? Who => login.Who;

    /// <summary>Whether upstream is asked for it only once that was found to be its right.</summary>
    public bool MayNotAsk { get; set; }

    public static RegistryCaller? Of(HttpContext context) => context.Features.Get<RegistryCaller>();
}
