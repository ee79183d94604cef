using static Millpond.Tests.Rewriting.YamlEditTests;

namespace Millpond.Tests.Rewriting;

/// <summary>Dockerfiles: stages, arguments, mounts.</summary>
public sealed class DockerfileTests
{
    [Theory]
    [InlineData("FROM nginx", "FROM cache.example.com/docker-hub/library/nginx")]
    [InlineData("from --platform=$BUILDPLATFORM quay.io/a/b:1 as x\r\n", "from --platform=$BUILDPLATFORM cache.example.com/quay/a/b:1 as x\r\n")]
    [InlineData("FROM \\\n  # why\n  quay.io/a/b \\\n  AS x\n", "FROM \\\n  # why\n  cache.example.com/quay/a/b \\\n  AS x\n")]
    [InlineData("FROM a AS base\nFROM Base\n", "FROM cache.example.com/docker-hub/library/a AS base\nFROM Base\n")]
    [InlineData("FROM scratch\nCOPY --chown=1 --from=quay.io/a/b /x /y\n", "FROM scratch\nCOPY --chown=1 --from=cache.example.com/quay/a/b /x /y\n")]
    [InlineData("FROM scratch AS s\nCOPY --from=0 /x /y\nCOPY --from=s /x /y\nCOPY --from=assets /x /y\n", null)]
    [InlineData("FROM scratch\nRUN --mount=type=bind,from=quay.io/a/b,target=/x true\n", "FROM scratch\nRUN --mount=type=bind,from=cache.example.com/quay/a/b,target=/x true\n")]
    [InlineData("FROM scratch\nRUN --mount=type=cache,target=/x,from=s echo --mount=from=quay.io/a/b\n", null)]
    [InlineData("ARG BASE=quay.io/a/b:1\nFROM ${BASE}\n", "ARG BASE=cache.example.com/quay/a/b:1\nFROM ${BASE}\n")]
    [InlineData("ARG BASE=\"quay.io/a/b:1\"\nFROM $BASE\n", "ARG BASE=\"cache.example.com/quay/a/b:1\"\nFROM $BASE\n")]
    [InlineData("ARG REG=docker.io\nFROM ${REG}/busybox:1\nFROM $REG/a/b\n", "ARG REG=cache.example.com/docker-hub\nFROM ${REG}/library/busybox:1\nFROM $REG/a/b\n")]
    [InlineData("ARG V=1\nFROM quay.io/a/b:${V}-alpine\n", "ARG V=1\nFROM cache.example.com/quay/a/b:${V}-alpine\n")]
    [InlineData("FROM ${BASE:-quay.io/a/b}\n", "FROM ${BASE:-cache.example.com/quay/a/b}\n")]
    [InlineData("ARG BASE\nFROM $BASE\n", null)]
    [InlineData("FROM scratch\nRUN <<EOF\nFROM nginx\nEOF\nONBUILD COPY --from=a/b:1 / /\n", "FROM scratch\nRUN <<EOF\nFROM nginx\nEOF\nONBUILD COPY --from=cache.example.com/docker-hub/a/b:1 / /\n")]
    [InlineData("# syntax=docker/dockerfile:1\n# FROM x\nFROM scratch\n", "# syntax=cache.example.com/docker-hub/docker/dockerfile:1\n# FROM x\nFROM scratch\n")]
    [InlineData("# escape=`\nFROM `\n  nginx\n", "# escape=`\nFROM `\n  cache.example.com/docker-hub/library/nginx\n")]
    public void Only_what_is_pulled_is_rewritten(string before, string? after) => AssertRewrites(before, after ?? before, "Dockerfile");
}
