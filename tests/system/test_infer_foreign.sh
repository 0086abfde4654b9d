#!/usr/bin/env bash
# The inference library on another machine: compiled for it, run by qemu, compared with this one.
# usage: test_infer_foreign.sh MACHINE MODEL_WRITER HERE REPOSITORY      MACHINE: aarch64 or arm
# HERE: the program compiled for this machine.
set -euo pipefail
machine=$1
writer=$(readlink -f -- "$2")
here=$(readlink -f -- "$3")
root=$(readlink -f -- "$4")
case $machine in
aarch64) cross=aarch64-linux-gnu-gcc default=neon ;;
arm) cross=arm-linux-gnueabihf-gcc default=portable ;;
*) exit 2 ;;
esac

work=$(mktemp -d "${TMPDIR:-/tmp}/signet-system-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

skip() {
    echo "skipped: $*"
    exit 77
}

emulator=
for name in "qemu-$machine" "qemu-$machine-static"; do
    command -v "$name" >/dev/null && emulator=$name
done
[[ $emulator ]] || skip "no qemu-$machine (Debian: qemu-user)"
command -v "$cross" >/dev/null || skip "no $cross (Debian: gcc-${cross%-gcc})"
printf '#include <stdio.h>\nint main(void) { return 0; }\n' >probe.c
"$cross" -static probe.c -o probe 2>/dev/null || skip "$cross has no static libc"
"$emulator" ./probe || skip "$emulator does not run a program"

sources=("$root/tests/infer/foreign.c")
for file in "$root"/src/infer/*.c; do
    case ${file##*/} in
    packer*.c | threads*.c) ;;
    *) sources+=("$file") ;;
    esac
done
flags=(-std=c11 -O1 -Wall -Wextra -Wno-psabi -Werror "-I$root/src")
"$cross" "${flags[@]}" -static "${sources[@]}" -lm -o foreign || die "$cross does not compile the library"

"$writer" model image
"$here" model image >here.txt || die 'the model does not run here'
"$emulator" ./foreign model image >foreign.txt || die "the model does not run on $machine"
[[ $(head -n 1 foreign.txt) == "default $default" ]] || die "not $default: $(head -n 1 foreign.txt)"

# The same C gives the same bits everywhere; other instructions round otherwise.
diff <(grep '^portable ' here.txt) <(grep '^portable ' foreign.txt) || die 'portable kernels differ'
awk '
    $1 == "default" { next }
    !lines++ { for (i = 4; i <= NF; i++) first[i] = $i; fields = NF; next }
    NF != fields { print "no logits: " $0; bad = 1 }
    {
        for (i = 4; i <= NF; i++) {
            d = $i - first[i]
            if (!(d < 1e-3 && d > -1e-3)) { print $1, $2, $3 ": logit " i - 4 " is " $i ", not " first[i]; bad = 1 }
        }
    }
    END { exit bad || lines < 20 || fields != 13 }
' <(cat here.txt foreign.txt) || die 'logits differ'
