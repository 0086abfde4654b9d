#!/usr/bin/env bash
# --profile and --summary: they print what they promise, and leave nothing behind.
# usage: test_looks.sh TRAIN EVAL PEAK_MEMORY SANITIZER
peak_memory=$(readlink -f -- "$3")
sanitizer=$4
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"

# look FLAG OPTION...: prints to $aside/look, to stdout alone, and writes no file.
look() {
    "$train" "$@" >"$aside/look" 2>"$aside/error" || die "failed: $* ($(cat "$aside/error"))"
    [[ ! -s $aside/error ]] || die "stderr is not empty: $(cat "$aside/error")"
    [[ -z $(ls -A) ]] || die "left something behind: $(ls -A)"
}

expect() {
    grep -Eq -- "$1" "$aside/look" || die "no '$1' in: $(cat "$aside/look")"
}

# ---- what they do not go with ----
for flag in --profile --summary; do
    refused "--resume" "$train" "$flag" --resume run
    refused "--out" "$train" "$flag" --out run
    refused "--stop-after" "$train" "$flag" "${small[@]}" --stop-after 1
    refused "more than" "$train" "$flag" "${small[@]}" --batch 129
done
refused "--summary" "$train" --profile --summary "${small[@]}"

# ---- where time goes ----
look --profile "${small[@]}"
expect '^op +shape of an image +count +forward ms +backward ms +share +GFLOP/s +GB/s$'
expect '^conv2d[a-z_]* +3x3/1 4x32x32 > 4x32x32 +6 '
expect '^batch_norm +4x32x32 +7 '
expect '^quantize +4x4x3x3 +6 '
expect '^conv2d[a-z_]* +21 '
for part in waiting optimizer data metrics other; do
    expect "^$part .* %\$"
done
expect '^step +[0-9.]+ ms, [0-9.]+ images/s$'
expect '^machine +[0-9.]+ GFLOP/s .* [0-9.]+ GB/s of copying, 2 threads$'
expect '^floor +[0-9.]+ ms, [0-9.]+ % of the step$'
# Rows of ops, up to the first empty line after the heading, and those outside add up to the step.
awk '/^op / { tables++ }
    tables == 1 && / %/ { for (i = 1; i <= NF; i++) if ($i == "%") sum += $(i - 1) }
    /^(waiting|optimizer|data|metrics|other) / { sum += $(NF - 1) }
    END { exit !(sum > 98 && sum < 102) }' "$aside/look" || die "shares do not add up: $(cat "$aside/look")"

# ---- what a network is ----
look --summary --dataset shapes --limit-train 256 --limit-test 100
expect '^layer1\.0\.conv1 +conv 3x3/1 signed-mean +16x32x32 +2304 +32 +0\.50 +2\.359 '
expect '^fc +linear +fp32 +10 +- +650 '
expect '^total +267264 +5210 +[0-9.]+ +40\.813 '
expect '^in training +274042 parameters: 272474 trainable'
for part in 'training graph' 'evaluation graph' 'parameters and gradients' optimizer diagnostics 'data sets' \
    loaders 'program and libraries'; do
    expect "^  $part +[0-9.]+\$"
done

# ---- a run has the memory that was stated, within a tenth ----
[[ $sanitizer == none ]] || exit 0
for options in "--batch 128 --threads 2" "--batch 32 --threads 3 --precision bf16 --optimizer adamw" \
    "--arch resnet18 --width 0.5 --batch 32 --threads 1"; do
    read -ra chosen <<<"--dataset shapes --limit-train 128 --limit-test 100 $options"
    look --summary "${chosen[@]}"
    stated=$(sed -n 's/^peak memory \([0-9]*\) MiB.*/\1/p' "$aside/look")
    used=$("$peak_memory" "$train" "${chosen[@]}" --epochs 1 --out run) || die "failed: ${chosen[*]}"
    rm -r run
    awk -v s="$stated" -v u="$used" 'BEGIN { r = s * 1024 / u; exit !(r > 0.9 && r < 1.1) }' ||
        die "$stated MiB stated, $((used / 1024)) MiB used: $options"
done
