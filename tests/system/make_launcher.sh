#!/bin/sh
# Writes a program that calls `signet COMMAND`, as the launchers of the source tree do.
# usage: make_launcher.sh FILE SIGNET COMMAND
set -eu
signet=$(readlink -f -- "$2")
rm -f "$1"
printf '#!/bin/sh\nexec "%s" %s "$@"\n' "$signet" "$3" >"$1"
chmod +x "$1"
