#!/bin/bash
# run.sh [--quick] [--rounds N] [--only start,warm-manifest,warm-small,warm-blob,tls,cold,many,outage,push,token,collection,admit,rewrite,growth] [--before FILE] [--beside NAME,NAME] [--history]: Millpond beside
# docker-registry, nginx (whole and with slices) and Varnish (for reviews, beside an endpoint that reads and allows), on this machine, in one
# run, over loopback. --before names another published program to measure beside it: the state before a change. --history appends the ratios
# to bench/HISTORY.md. Prints the table on standard output (as RESULTS.md holds it), progress on standard error. Needs 10 GB below /tmp, and
# root (it installs what is missing, by tests/tools/install-clients.sh).
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
"$top/tests/tools/install-clients.sh" >&2
program=$(mktemp -d)
trap 'rm -rf "$program"' EXIT
arguments=()
for argument; do
  [ "$argument" = --history ] && arguments+=(--history "$top/bench/HISTORY.md" --commit "$(git -C "$top" rev-parse --short HEAD)") || arguments+=("$argument")
done
dotnet publish "$top/src/Millpond.Cli" -c Release -v q -o "$program" >&2
dotnet build "$top/bench/Millpond.Bench" -c Release -v q >&2
"$top/artifacts/bin/Millpond.Bench/release/Millpond.Bench" --millpond "$program/millpond" "${arguments[@]}"
