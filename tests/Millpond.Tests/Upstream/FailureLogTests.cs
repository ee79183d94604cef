using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Server.Upstream;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Tests.Upstream;

public sealed class FailureLogTests
{
    private static readonly PullThroughRule Rule = TestClients.Rule(new Uri("https://upstream.test"));

    private readonly Lines log = new();
    private readonly FakeTimeProvider time = new();

    [Fact]
    public void What_an_operator_must_mend_is_warned_of_once_a_minute()
    {
        var failures = new FailureLog(Rule, new SecretWords(Rule, []), time, log);
        var failure = new UpstreamException(UpstreamOutcome.TlsFailure, "the certificate is for another name");

        failures.Write("/v2/", failure);
        failures.Write("/v2/", failure);
        time.Advance(TimeSpan.FromMinutes(1));
        failures.Write("/v2/", failure);

        Assert.Equal([LogLevel.Warning, LogLevel.Debug, LogLevel.Warning], log.Written.Select(line => line.Level));
        Assert.Equal("Rule test has an upstream that cannot be used as it is (TlsFailure): the certificate is for another name", log.Written[0].Text);
    }

    [Theory]
    [InlineData(UpstreamOutcome.NotFound, false, LogLevel.Debug)]
    [InlineData(UpstreamOutcome.Timeout, false, LogLevel.Debug)]
    [InlineData(UpstreamOutcome.Refused, false, LogLevel.Debug)]
    [InlineData(UpstreamOutcome.Refused, true, LogLevel.Warning)]
    [InlineData(UpstreamOutcome.BadAnswer, false, LogLevel.Warning)]
    public void The_rest_is_for_the_curious(UpstreamOutcome outcome, bool isCredentialRefused, LogLevel level)
    {
        var rule = TestClients.Rule(new Uri("https://upstream.test")) with { Credential = TestClients.FromEnvironment };

        new FailureLog(rule, new SecretWords(rule, []), time, log).Write("/v2/", new UpstreamException(outcome, "because") { IsCredentialRefused = isCredentialRefused });

        Assert.Equal(level, Assert.Single(log.Written).Level);
    }

    [Fact]
    public void What_clients_may_not_see_stands_in_the_log_under_the_id_that_they_are_told()
    {
        var failures = new FailureLog(Rule, new SecretWords(Rule, []), time, log);
        var failure = new UpstreamException(UpstreamOutcome.Timeout, "no connection in time") { Detail = "cdn.upstream.test" };

        var told = failures.Write("/v2/", failure);
        Assert.Equal(told, failures.Write("/v2/other", failure));

        var id = Regex.Match(told, @"^no connection in time \(log id ([0-9a-f]{6})\)$").Groups[1].Value;
        Assert.NotEmpty(id);
        Assert.Equal([LogLevel.Information, LogLevel.Debug], log.Written.Select(line => line.Level));
        Assert.Equal($"Rule test: Timeout: no connection in time: cdn.upstream.test (log id {id})", log.Written[0].Text);
    }

    private sealed class Lines : ILogger
    {
        public List<(LogLevel Level, string Text)> Written { get; } = [];

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Written.Add((logLevel, formatter(state, exception)));

        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;
    }
}
