#!/bin/bash
# run.sh [--quick] [--rounds N] [--only warm-manifest,warm-blob,cold,many,outage,admit]: Millpond beside docker-registry and nginx (for reviews,
# beside an endpoint that reads and allows), on this machine, in one run, over loopback. Prints the table on standard output (as RESULTS.md holds it), progress on standard error. Needs 6 GB below /tmp,
# and root (it installs what is missing, by tests/tools/install-clients.sh).
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
"$top/tests/tools/install-clients.sh" >&2
program=$(mktemp -d)
trap 'rm -rf "$program"' EXIT
dotnet publish "$top/src/Millpond.Cli" -c Release -v q -o "$program" >&2
dotnet build "$top/bench/Millpond.Bench" -c Release -v q >&2
"$top/artifacts/bin/Millpond.Bench/release/Millpond.Bench" --millpond "$program/millpond" "$@"
