#!/bin/sh
# Writes a version script for the linker: the functions that a header declares are shown, all others
# are hidden.
# usage: write_symbols.sh HEADER FILE
set -eu
{
    echo '{'
    echo 'global:'
    sed -n 's/^[a-z].*[ *]\(sn_infer_[a-z_]*\)(.*/    \1;/p' "$1"
    echo 'local:'
    echo '    *;'
    echo '};'
} >"$2"
