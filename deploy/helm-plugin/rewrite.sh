#!/bin/sh
# rewrite.sh [OPTION...]: a rendered chart on standard input, with its image references brought to the cache on standard output.
# The options of 'millpond rewrite' come from MILLPOND_REWRITE_OPTIONS, split at spaces, and then from the command line; the program is
# MILLPOND_COMMAND, else 'millpond' on the PATH. Helm 4 runs this as a plugin, Helm 3 as an executable.
set -euf
# shellcheck disable=SC2086 # It is a list.
exec "${MILLPOND_COMMAND:-millpond}" rewrite - ${MILLPOND_REWRITE_OPTIONS:-} "$@"
