#!/bin/bash
# kill-rounds.sh [ROUNDS]: kills the server with kill -9 so many times (200) while eight clients push, mount, pull and delete, and looks after each
# start whether everything that was acknowledged is there and whole. Says at the end what was done and how long the starts took. Needs the
# .NET SDK and some hundred megabytes below /tmp.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
export MILLPOND_KILL_ROUNDS=${1:-200} DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
dotnet build -v quiet -c Release "$top/src/Millpond.Cli"
dotnet build -v quiet "$top/tests/Millpond.Tests"
exec "$top/artifacts/bin/Millpond.Tests/debug/Millpond.Tests" --filter-class '*KilledPushTests' --no-ansi --progress off --show-live-output on --timeout 60m
