# What the tests of the programs share; to be sourced. Each works in an empty folder of its own, $work,
# which is removed at the end. Arguments of the tests: the train and the eval program.
set -euo pipefail
train=$(readlink -f -- "$1")
eval=$(readlink -f -- "$2")
export OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive
unset SIGNET_DATA SN_ROOT

work=$(mktemp -d "${TMPDIR:-/tmp}/signet-system-XXXXXX")
aside=$(mktemp -d "${TMPDIR:-/tmp}/signet-system-XXXXXX") # for what is not the programs' doing
trap 'rm -rf "$work" "$aside"' EXIT
cd "$work"

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# A small run: a quarter of the width, two steps an epoch.
small=(--dataset shapes --width 0.25 --limit-train 32 --limit-test 60 --batch 16 --threads 2)

# Names and contents of everything in the folder.
snapshot() {
    find . -type d | sort
    find . -type f -size -1000k -exec cksum {} + | sort
}

# refused PART COMMAND...: exit status 2, one line on stderr with PART in it, nothing on stdout, and no
# file made, changed or removed.
refused() {
    local part=$1 status=0 before said printed
    shift
    before=$(snapshot)
    printed=$("$@" 2>"$aside/error") || status=$?
    said=$(cat "$aside/error")
    [[ $status == 2 ]] || die "exit status $status, not 2: $* ($said)"
    [[ $(wc -l <<<"$said") == 1 && -n $said ]] || die "not one line: $*: $said"
    [[ $said == *"$part"* ]] || die "no '$part' in the message of $*: $said"
    [[ -z $printed ]] || die "printed something: $*: $printed"
    [[ $before == "$(snapshot)" ]] || die "left something behind: $*: $(diff <(echo "$before") <(snapshot))"
}
