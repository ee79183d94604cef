using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Upstream;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Tests.Upstream;

public sealed class FailureLogTests
{
    private readonly Lines log = new();
    private readonly FakeTimeProvider time = new();

    [Fact]
    public void What_an_operator_must_mend_is_warned_of_once_a_minute()
    {
        var failures = new FailureLog(TestClients.Rule(new Uri("https://upstream.test")), time, log);
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
    [InlineData(UpstreamOutcome.Timeout, true, LogLevel.Debug)]
    [InlineData(UpstreamOutcome.Refused, false, LogLevel.Debug)]
    [InlineData(UpstreamOutcome.Refused, true, LogLevel.Warning)]
    [InlineData(UpstreamOutcome.BadAnswer, false, LogLevel.Warning)]
    public void The_rest_is_for_the_curious(UpstreamOutcome outcome, bool hasCredential, LogLevel level)
    {
        var rule = TestClients.Rule(new Uri("https://upstream.test")) with { Credential = hasCredential ? TestClients.FromEnvironment : null };

        new FailureLog(rule, time, log).Write("/v2/", new UpstreamException(outcome, "because"));

        Assert.Equal(level, Assert.Single(log.Written).Level);
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
