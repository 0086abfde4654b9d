#!/usr/bin/env bash
# Activations of eight bits: steps from training images, a model that differs in nothing else.
# usage: test_int8.sh TRAIN EVAL
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"
unset SN_ISA

members() { sed -n "s/^ *\"$2\": \(.*[^,]\),\{0,1\}\$/\1/p" "$1"; }

# Which bytes of two models differ: places in the header as they are, those of an instruction from
# its first byte on.
differing() {
    { cmp -l "$1" "$2" || :; } | awk '{ at = $1 - 1 } at < 64 { print "header", at; next }
        at < 64 + 23 * 80 { print "instruction", (at - 64) % 80; next } { print "elsewhere", at }' | sort -u
}

agreement() { # of the predictions in two CSV files, in percent
    paste -d, "$1" "$2" | awk -F, '$3 == $(NF / 2 + 3) { n++ } END { print int(100 * n / NR) }'
}

# Little trained, its logits are close together: a few predictions out of a hundred may change.
"$train" "${small[@]}" --limit-train 256 --limit-test 60 --epochs 2 --quant signed-binary-centered \
    --out run >/dev/null
"$eval" run/best.h5 --export float.sgn >/dev/null
"$eval" run/best.h5 --export int8.sgn --act int8 >export.txt 2>export.err
[[ ! -s export.err ]] || die "stderr is not empty: $(cat export.err)"
[[ $(cat export.txt) == "int8.sgn: $(stat -c %s float.sgn) bytes" ]] || die "another size: $(cat export.txt)"
differing float.sgn int8.sgn >differing.txt
grep -q '^instruction 7[2-5]$' differing.txt || die "no steps: $(cat differing.txt)"
! grep -Ev '^(header (2[4-9]|3[01])|instruction (7[2-5]))$' differing.txt || die 'more than checksum and steps differ'

# ---- the same inputs of the same layers are rounded ----
"$eval" int8.sgn --plan --costs builtin --json >plan.json
[[ $(members plan.json input_type | grep -c '"uint8"') == 18 ]] || die "not 18 layers of integers: $(cat plan.json)"
[[ $(members plan.json input_type | grep -c '"fp32"') == 3 ]] || die 'the others do not read fp32'

# ---- predictions hardly change, whoever runs the model ----
"$eval" float.sgn --limit-test 1000 --predictions float.csv >/dev/null
for isa in auto portable; do
    "$eval" int8.sgn --limit-test 1000 --isa $isa --predictions int8.csv >/dev/null
    ! cmp -s float.csv int8.csv || die 'nothing was rounded'
    (($(agreement float.csv int8.csv) >= 92)) || die "only $(agreement float.csv int8.csv) % agree"
done
"$eval" run/best.h5 --act int8 --limit-test 1000 --predictions direct.csv --json >direct.json
"$eval" int8.sgn --limit-test 1000 --predictions int8.csv >/dev/null
cmp direct.csv int8.csv || die 'evaluated without a file it predicts something else'
awk '/parity_mismatches/ { n = $2 + 0; exit !(n < 80) }' direct.json || die "$(grep parity direct.json)"

# ---- the number of images matters, the number of threads does not ----
"$eval" run/best.h5 --export few.sgn --act int8 --calibrate 3 >/dev/null
! cmp -s few.sgn int8.sgn || die '--calibrate does nothing'
"$eval" run/best.h5 --export again.sgn --act int8 --calibrate 3 --threads 1 >/dev/null
cmp few.sgn again.sgn || die 'the number of threads matters'
"$eval" run/best.h5 --export-c int8.h --act int8 --calibrate 3 >/dev/null
[[ -s int8.h && -s int8_example.c ]] || die 'no C files'
"$eval" run/best.h5 --act int8 --calibrate 3 --cost >/dev/null || die '--cost'
"$eval" run/best.h5 --act int8 --calibrate 3 --plan >/dev/null || die '--plan'

# ---- inputs below 0 ----
"$train" "${small[@]}" --epochs 1 --quant ternary --activation hardtanh --out signed >/dev/null
"$eval" signed/best.h5 --act int8 --plan --json >plan.json
[[ $(members plan.json input_type | grep -c '"int8"') == 18 ]] || die "not signed: $(cat plan.json)"
"$eval" signed/best.h5 --act int8 --limit-test 200 --json >signed.json
awk '/parity_mismatches/ { n = $2 + 0; exit !(n < 20) }' signed.json || die "$(grep parity signed.json)"

# ---- the other kinds of weights; only one-bit and ternary ones ----
for quant in binary ternary; do
    "$train" "${small[@]}" --epochs 1 --quant $quant --out $quant >/dev/null
    "$eval" $quant/best.h5 --act int8 --limit-test 100 >/dev/null || die "$quant"
done
"$train" "${small[@]}" --epochs 1 --quant fp32 --out fp32 >/dev/null
refused "no convolutions with one-bit or ternary weights" "$eval" fp32/best.h5 --act int8 --export x.sgn

# ---- what cannot be done is said in one line ----
refused "give its checkpoint" "$eval" float.sgn --act int8 --export x.sgn
refused "no effect without --act int8" "$eval" run/best.h5 --export x.sgn --calibrate 10
refused "no effect without --act int8" "$eval" run/best.h5 --calibrate 10
refused "--calibrate: '0'" "$eval" run/best.h5 --act int8 --calibrate 0
refused "fp32, int8" "$eval" run/best.h5 --act int4
refused "no effect with --export" "$eval" run/best.h5 --export x.sgn --act int8 --limit-test 3
mkdir cifar
for i in 1 2 3 4 5; do truncate -s 30730000 "cifar/data_batch_$i.bin"; done
truncate -s 30730000 cifar/test_batch.bin
refused "classes" "$eval" run/best.h5 --export x.sgn --act int8 --dataset cifar10 --data-dir cifar
"$train" --dataset cifar10 --data-dir cifar --width 0.25 --limit-train 64 --limit-test 10 --batch 64 \
    --epochs 1 --threads 2 --out cifar-run >/dev/null
mv cifar away
refused "nowhere" "$eval" cifar-run/best.h5 --export x.sgn --act int8 --data-dir nowhere
"$eval" cifar-run/best.h5 --export x.sgn --act int8 --data-dir away >/dev/null || die '--data-dir of --act int8'
