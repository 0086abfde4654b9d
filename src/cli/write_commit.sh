#!/bin/sh
# Writes "#define SN_COMMIT" with git's description of the source; empty where git knows none.
# usage: write_commit.sh FILE SOURCE
commit=$(git -C "$2" describe --always --tags --abbrev=12 2>/dev/null) || commit=''
printf '#define SN_COMMIT "%s"\n' "$commit" >"$1"
