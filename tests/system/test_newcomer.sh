#!/usr/bin/env bash
# The command for those without data, at a smaller scale: a fifth of the images, a quarter of the
# filters, and 1250 small steps. Chance is 10 %, and a first plateau lies at about 21. Seeds 0 to 3
# reached 48 to 52 %: there is room for other processors.
# usage: test_newcomer.sh TRAIN EVAL
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"

"$train" --dataset shapes --epochs 5 \
    --limit-train 4000 --limit-test 500 --width 0.25 --batch 16 --threads 1 >train.txt 2>train.err ||
    die "failed: $(cat train.err)"
[[ $(wc -l <train.err) == 1 ]] || die "more than the time to the end on stderr: $(cat train.err)"
grep -Eqx 'train: [0-9]+ images/s; at this rate 5 epochs take .*, until about .*' train.err ||
    die "no time to the end: $(cat train.err)"
[[ $(sed 's/ .*//' train.txt | head -n 8 | tr '\n' ' ') == 'data classes pixels network weights training machine output ' ]] ||
    die "other first lines: $(cat train.txt)"
run=$(sed -n 's/^output  *//p' train.txt)
top1=$(jq -s 'map(.top1) | max' "$run/metrics.jsonl")
awk -v t="$top1" 'BEGIN { exit !(t >= 30) }' || die "top-1 is $top1 %, not 30 or more: $(cat train.txt)"
"$eval" "$run/best.h5" --limit-test 500 --parity 0 --json >eval.json
jq -e --argjson t "$top1" '.top1 - $t | fabs < 1' eval.json >/dev/null || die "eval says $(cat eval.json), train $top1"
