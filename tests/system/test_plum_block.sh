#!/usr/bin/env bash
# Networks of the block of PLUM's own code: trained, frozen, exported, looked at.
# usage: test_plum_block.sh TRAIN EVAL
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"
unset SN_ISA

small+=(--arch resnet20-plum)

members() { sed -n "s/^ *\"$2\": \(.*[^,]\),\{0,1\}\$/\1/p" "$1"; }

"$train" "${small[@]}" --epochs 2 --out whole >/dev/null

# ---- the frozen network is the trained one, from a checkpoint and from a file, with other kernels ----
"$eval" whole/best.h5 --parity 200 --limit-test 200 --predictions direct.csv --json >eval.json
[[ $(members eval.json parity_mismatches) == 0 ]] || die "$(grep parity eval.json)"
awk '/parity_max_abs/ { n = $2 + 0; exit !(n < 1e-3) }' eval.json || die "$(grep parity eval.json)"
"$eval" whole/best.h5 --export model.sgn >/dev/null
"$eval" model.sgn --limit-test 200 --predictions model.csv >/dev/null
cmp direct.csv model.csv || die 'the file predicts something else'
"$eval" model.sgn --limit-test 200 --isa portable --json >eval.json
"$eval" model.sgn --limit-test 200 --json >fastest.json
[[ $(members eval.json top1) == "$(members fastest.json top1)" ]] || die 'portable kernels predict something else'

# ---- integers: signed, of the clamp's range ----
"$train" "${small[@]}" --epochs 1 --act int8 --out int8 >/dev/null
"$eval" int8/best.h5 --plan --costs builtin --json >plan.json
[[ $(members plan.json input_type | grep -c '"int8"') == 18 ]] || die "$(cat plan.json)"
"$eval" int8/best.h5 --limit-test 200 --json >eval.json
awk '/parity_mismatches/ { n = $2 + 0; exit !(n < 5) }' eval.json || die "$(grep parity eval.json)"

# ---- what it consists of ----
"$eval" model.sgn --cost >cost.txt || die '--cost'
"$eval" whole/best.h5 --summary >look.txt
grep -Eq '^layer2\.0\.downsample\.1 +conv 1x1/1 +fp32 +8x16x16 ' look.txt || die "$(cat look.txt)"
grep -Eq '^layer2\.0\.move1 +shift and clamp +- +4x32x32 +- +4 ' look.txt || die "$(cat look.txt)"
grep -Eq '^layer2\.0\.conv1 +conv 3x3/2 +signed +8x16x16 +288 +32 ' look.txt || die "$(cat look.txt)"
"$train" --list | grep -q '^ *resnet18-plum .*2312\.01581' || die 'not in --list'
