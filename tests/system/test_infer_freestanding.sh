#!/usr/bin/env bash
# What the inference library needs from a machine without an operating system: a few functions of
# <string.h>, most of which compilers ask for anyway, and no memory of its own that is written to.
# usage: test_infer_freestanding.sh REPOSITORY
set -euo pipefail
root=$(readlink -f -- "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/signet-system-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

failed=0
complain() {
    echo "$*"
    failed=1
}

command -v nm >/dev/null || {
    echo 'skipped: no nm (Debian: binutils)'
    exit 77
}

# check COMPILER FUNCTION...: compiles every source; objects may need these functions and each other.
check() {
    local compiler=$1 file name
    shift
    rm -f ./*.o
    for file in "$root"/src/infer/*.c; do
        name=${file##*/}
        case $name in
        packer*.c | threads*.c) continue ;;
        esac
        "$compiler" -std=c11 -O1 -ffreestanding -fno-pic -Wall -Wextra -Wno-psabi -Werror -DNDEBUG \
            -I"$root/src" -c "$file" -o "${name%.c}.o" || complain "$compiler: $name does not compile"
    done
    while read -r name; do
        case " $* " in
        *" $name "*) ;;
        *" ${name/#__aeabi_*/__aeabi_} "*) ;;
        *) complain "$compiler: needs $name" ;;
        esac
    done < <(comm -23 <(nm -u ./*.o | awk 'NF == 2 { print $2 }' | sort -u) \
        <(nm --defined-only ./*.o | awk 'NF == 3 && $2 ~ /[A-Z]/ { print $3 }' | sort -u))
    # Data that is written to, zeroed or not, and what is shared between objects.
    while read -r name; do
        complain "$compiler: writable: $name"
    done < <(nm --defined-only ./*.o | awk '$2 ~ /^[bBdDcCsSgG]$/ { print $3 }')
}

strings=(memcpy memset memcmp memmove memchr strlen)
# The processor's abilities are libgcc's to find.
check cc "${strings[@]}" __cpu_model __cpu_indicator_init
for other in aarch64-linux-gnu-gcc arm-linux-gnueabihf-gcc arm-none-eabi-gcc; do
    if command -v "$other" >/dev/null && printf '#include <string.h>\n' |
        "$other" -E -x c -o /dev/null - 2>/dev/null; then
        # Divisions of 64 bits, which not every processor has, are the compiler's own.
        check "$other" "${strings[@]}" __aeabi_
    fi
done
exit "$failed"
