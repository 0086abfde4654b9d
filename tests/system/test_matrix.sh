#!/usr/bin/env bash
# scripts/matrix trains what it is asked for, keeps what is finished, and prints a table.
# usage: test_matrix.sh TRAIN EVAL ROOT
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"
command -v jq >/dev/null || exit 77 # skipped

# A root in which nothing has to be built, with the programs under test.
mkdir -p root/scripts
cp "$3/scripts/matrix" "$3/scripts/table" root/scripts/
printf '#!/bin/sh\nexit 0\n' >root/scripts/build
printf '#!/bin/sh\nexec "%s" "$@"\n' "$train" >root/train
printf '#!/bin/sh\nexec "%s" "$@"\n' "$eval" >root/eval
chmod +x root/scripts/build root/train root/eval
matrix() {
    root/scripts/matrix -d shapes -j 2 -o runs \
        -x '--limit-train 128 --limit-test 100 --width 0.25 --batch 64' "$@"
}

matrix -e 1 fp32 'signed-binary-region-[48]' >table.md 2>matrix.err || die "failed: $(cat matrix.err)"
[[ $(wc -l <table.md) -eq 5 ]] || die "not three runs: $(cat table.md)"
# shellcheck disable=SC2016 # Markdown
sed -n 3p table.md | grep -q '^| `--dataset shapes --width 0.25 --quant fp32 --limit-train 128 --limit-test 100 --batch 64` | 1 | 0 | [0-9.]* | 1 | all |$' || die "$(cat table.md)"
sed -n 4p table.md | grep -Eq -- '--estimator ede --center none --region 8 --signs init --limit-train 128 --limit-test 100 --batch 64` \| 1 \| 0 \| [0-9.]+ \| 0\.[0-9]+ \| [0-9]+ \|$' ||
    die "$(cat table.md)"
grep -q -- '--region 4 ' table.md || die "$(cat table.md)"

# Nothing is trained twice, and longer runs go on from there.
cp runs/fp32/metrics.jsonl before
matrix -e 1 fp32 >again.md 2>/dev/null
cmp before runs/fp32/metrics.jsonl || die 'a finished run was trained again'
[[ $(sed -n 3p again.md) == "$(sed -n 3p table.md)" ]] || die "$(cat again.md)"
matrix -e 2 fp32 >longer.md 2>/dev/null
[[ $(wc -l <runs/fp32/metrics.jsonl) -eq 2 ]] || die 'a run of two epochs does not have two'
cmp before <(head -n 1 runs/fp32/metrics.jsonl) || die 'the first epoch was trained again'

status=0
matrix no-such-run >/dev/null 2>refused.err || status=$?
[[ $status -eq 2 && $(wc -l <refused.err) -eq 1 ]] || die "status $status: $(cat refused.err)"
status=0
root/scripts/matrix -d no-such-set -j 1 -o bad fp32 >refused.out 2>refused.err || status=$?
[[ $status -eq 2 && $(wc -l <refused.err) -eq 1 && ! -s refused.out && ! -e bad ]] ||
    die "status $status: $(cat refused.err)"
root/scripts/matrix -h >help 2>refused.err || die 'no help'
[[ ! -s refused.err && $(cat help) == *'usage: scripts/matrix'* ]] || die "help: $(cat help refused.err)"

# Every run is one of its own, also where there are no options for all of them.
mkdir -p other/scripts
cp root/scripts/* other/scripts/
# shellcheck disable=SC2016 # for the stub
printf '#!/bin/sh\necho "$*" >>"%s"\nexit 2\n' "$PWD/given" >other/train
chmod +x other/train
other/scripts/matrix -j 1 -o none 'signed-binary-region-[48]' 2>/dev/null && die 'failed trainings go unnoticed'
[[ $(wc -l <given) -eq 2 && $(tail -n 1 given) == *' --region 4 --out none/signed-binary-region-4' ]] ||
    die "trained: $(cat given)"

status=0
root/scripts/table runs/none >refused.out 2>refused.err || status=$?
[[ $status -eq 2 && ! -s refused.out && $(tail -n 1 refused.err) == *'none of 1 runs has a finished epoch' ]] ||
    die "status $status: $(cat refused.err)"
root/scripts/table runs/fp32 runs/none >partial.md 2>refused.err || die "$(cat refused.err)"
[[ $(wc -l <partial.md) -eq 3 && $(cat refused.err) == *'runs/none has no finished epoch and is left out' ]] ||
    die "$(cat partial.md refused.err)"
root/scripts/table --help | grep -q '^usage: scripts/table' || die 'no help'

# What it builds is there: the stub above would not notice.
target=$(sed -n 's/.*scripts\/build" -t \([a-z]*\) build.*/\1/p' "$3/scripts/matrix")
grep -q "executable('$target'" "$3/meson.build" || die "scripts/matrix builds '$target', which meson.build does not have"
