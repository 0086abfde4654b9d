#!/usr/bin/env bash
# A checkpoint is written or the old one stays, the exit status says which, and what a run leaves can
# be used.
# usage: test_never_lost.sh TRAIN EVAL SANITIZERS
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"
sanitizers=$3
tiny=(--dataset shapes --width 0.05 --limit-train 32 --limit-test 20 --batch 16 --threads 1)

# ends STATUS PART COMMAND...: that exit status, and PART in the last line on stderr.
ends() {
    local wanted=$1 part=$2 status=0
    shift 2
    "$@" >"$aside/out" 2>"$aside/error" || status=$?
    [[ $status == "$wanted" ]] || die "exit status $status, not $wanted: $* ($(cat "$aside/error"))"
    [[ $(tail -n 1 "$aside/error") == *"$part"* ]] || die "no '$part' from $*: $(cat "$aside/error")"
}

sums() { cksum "$1"/*.h5; }

"$train" "${tiny[@]}" --epochs 3 --out whole >/dev/null
"$train" "${tiny[@]}" --epochs 3 --stop-after 1 --out first >/dev/null 2>&1
same_end() {
    cmp whole/last.h5 "$1/last.h5" || die "$1 ended elsewhere"
    [[ $(ls -A "$1") == $(ls -A whole) ]] || die "$1 has other files: $(ls -A "$1")"
}

# ---- files that cannot grow: the old ones stay, and the run goes on from there afterwards ----
for blocks in 1 8 40; do
    rm -rf full && cp -r first full
    before=$(sums full)
    # shellcheck disable=SC2016 # $0 and $@ are the inner shell's
    ends 2 'File too large' bash -c 'ulimit -f "$0"; exec "$@"' "$blocks" "$train" --resume full
    [[ $(sums full) == "$before" ]] || die "$blocks blocks: a checkpoint changed"
    [[ -z $(find full -name '*.tmp') ]] || die "left behind: $(ls full)"
    "$train" --resume full >/dev/null
    same_end full
done
# shellcheck disable=SC2016
ends 2 'File too large' bash -c 'ulimit -f 8; exec "$@"' . "$train" "${tiny[@]}" --epochs 3 --out new
[[ ! -e new ]] || die "a run without a checkpoint left $(ls -A new)"

# ---- a full disk, where one can be made ----
if [[ $(id -u) == 0 ]] && mkdir disk && mount -t tmpfs -o size=300k none disk 2>/dev/null; then
    trap 'umount "$work/disk"; rm -rf "$work" "$aside"' EXIT
    cp -r first disk/run
    before=$(sums disk/run)
    dd if=/dev/zero of=disk/fill bs=1k count=400 2>/dev/null || true
    ends 2 'No space left' "$train" --resume disk/run
    [[ $(sums disk/run) == "$before" ]] || die 'full disk: a checkpoint changed'
    rm disk/fill
fi

# ---- the remains of a run that ended before its first checkpoint ----
mkdir remains
cp first/config.json remains
head -n 1 first/layers.csv >remains/layers.csv
: >remains/metrics.jsonl
: >remains/last.h5.4711-0.tmp
echo 'process 4711 on moon' >remains/lock
ends 2 'begin it anew with: ./train --dataset shapes' "$train" --resume remains
command=$(sed 's|.*begin it anew with: ./train ||' "$aside/error")
eval "words=($command)"
# shellcheck disable=SC2154 # words: from eval
"$train" "${words[@]}" >/dev/null
same_end remains
ends 2 'takes the folder of a run' "$train" --resume nowhere
rm -rf headless && cp -r first headless && rm headless/last.h5
ends 2 'this checkpoint is gone' "$train" --resume headless
ends 2 'choose another folder' "$train" "${tiny[@]}" --out headless

# ---- what killed processes leave is removed ----
rm -rf killed && cp -r first killed
for name in last.h5.99999-0.tmp best.h5.1-0.tmp config.json.2-7.tmp last.h5.tmp; do
    : >"killed/$name"
done
echo 'process 99999 on moon' >killed/lock
"$train" --resume killed >/dev/null
same_end killed

# ---- locks: another program's on the checkpoint does not matter, one on the run does ----
if command -v flock >/dev/null; then
    rm -rf locked && cp -r first locked
    flock locked/last.h5 "$train" --resume locked >/dev/null || die 'a lock on last.h5 matters'
    same_end locked
    rm -rf locked && cp -r first locked
    echo 'process 4711 on moon' >locked/lock
    ends 2 'another process is training this run: process 4711 on moon' \
        flock --no-fork locked/lock "$train" --resume locked
fi

# ---- closed descriptors ----
rm -rf closed && cp -r first closed
status=0
"$train" --resume closed >&- 2>"$aside/error" || status=$?
[[ $status == 2 ]] || die "closed stdout: exit status $status"
grep -q 'standard output' "$aside/error" || die "closed stdout: $(cat "$aside/error")"
same_end closed
rm -rf closed && cp -r first closed
"$train" --resume closed >/dev/null 2>&- <&- || die 'closed stderr'
same_end closed
cmp whole/layers.csv closed/layers.csv || die 'a message went to layers.csv'
ends 2 'standard output' bash -c '"$@" >&-' . "$eval" first/best.h5 --limit-test 10
ends 2 'standard output' bash -c '"$@" >&-' . "$train" --help

# ---- results that nobody reads: the run stops, is saved, and says so ----
{ "$train" "${tiny[@]}" --epochs 30 --out piped 2>"$aside/error" || echo $? >"$aside/status"; } | head -n 1 >/dev/null
[[ $(cat "$aside/status") == 2 ]] || die "a broken pipe: exit status $(cat "$aside/status")"
grep -q 'standard output' "$aside/error" || die "a broken pipe: $(cat "$aside/error")"
[[ ! -e piped/lock ]] || die 'a broken pipe: the lock is left'
"$train" --resume piped --stop-after 1 >/dev/null 2>&1 || die 'a broken pipe: cannot resume'

# ---- a run that has only just begun says that it is running ----
mkdir young && cp first/config.json young/
if command -v flock >/dev/null; then
    echo 'process 4711 on moon' >young/lock
    ends 2 'another process is training this run: process 4711 on moon' \
        flock --no-fork young/lock "$train" --resume young
fi

# ---- a hangup saves like SIGTERM ----
"$train" "${tiny[@]}" --limit-train 800 --epochs 1 --out long >/dev/null
env --default-signal=HUP "$train" "${tiny[@]}" --limit-train 800 --epochs 1 --out hung \
    >hung.txt 2>hung.err &
child=$!
until grep -q '^output' hung.txt || ! kill -0 $child 2>/dev/null; do sleep 0.02; done
kill -HUP $child
status=0
wait $child || status=$?
[[ $status == 129 ]] || die "SIGHUP: exit status $status"
grep -q -- '--resume hung' hung.err || die 'no word about how to continue'
"$train" --resume hung --checkpoint-minutes 0.000001 >/dev/null
"$eval" long/last.h5 --predictions a.csv --parity 0 --limit-test 100 >/dev/null
"$eval" hung/last.h5 --predictions b.csv --parity 0 --limit-test 100 >/dev/null
cmp a.csv b.csv || die 'the run that was hung up ended elsewhere'

# ---- divergence has an exit status of its own ----
ends 3 'training diverged' "$train" "${tiny[@]}" --quant fp32 --lr 1000 --weight-decay 10 \
    --warmup 0 --epochs 30 --out diverged
"$train" --resume first --stop-after 1 >/dev/null 2>&1 || die 'cannot resume'

# ---- too little address space is said; OpenBLAS would wait for ever ----
if [[ $sanitizers == none ]]; then
    export OPENBLAS_NUM_THREADS=1
    for limit in 150000 300000 400000; do
        for program in "$train ${tiny[*]} --epochs 1 --out short" "$eval whole/best.h5 --limit-test 10"; do
            status=0
            # shellcheck disable=SC2086 # words
            (ulimit -v $limit && exec timeout -s KILL 240 $program) >/dev/null 2>"$aside/error" || status=$?
            # 127: not even the libraries fit
            [[ $status == 0 || $status == 1 || $status == 127 ]] ||
                die "$limit kB: exit status $status of $program: $(cat "$aside/error")"
            [[ $status != 1 ]] || [[ -s $aside/error ]] || die "$limit kB: nothing said by $program"
            rm -rf short
        done
    done
fi
