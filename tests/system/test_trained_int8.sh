#!/usr/bin/env bash
# Activations of eight bits that a network was trained with: they reach the device by themselves.
# usage: test_trained_int8.sh TRAIN EVAL
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"
unset SN_ISA

members() { sed -n "s/^ *\"$2\": \(.*[^,]\),\{0,1\}\$/\1/p" "$1"; }

rounded() { # the convolutions of a model that read integers of a type
    "$eval" "${@:2}" --plan --costs builtin --json >plan.json
    members plan.json input_type | grep -c "\"$1\"" || :
}

"$train" "${small[@]}" --limit-train 256 --limit-test 60 --epochs 2 --quant signed-binary \
    --act int8 --out run >train.txt 2>train.err
[[ $(wc -l <train.err) == 1 && $(cat train.err) == *'at this rate'* ]] ||
    die "more than the time to the end on stderr: $(cat train.err)"
grep -q '"act": "int8"' run/config.json || die "not in config.json: $(cat run/config.json)"

# ---- integers by default, whether from a checkpoint or a file, and by steps that need no images ----
"$eval" run/best.h5 --export model.sgn >/dev/null
[[ $(rounded uint8 model.sgn) == 18 && $(rounded fp32 model.sgn) == 3 ]] || die "$(cat plan.json)"
"$eval" run/best.h5 --export same.sgn --act int8 >/dev/null
cmp model.sgn same.sgn || die '--act int8 is not what was trained'
"$eval" run/best.h5 --limit-test 1000 --predictions direct.csv --json >eval.json
"$eval" model.sgn --limit-test 1000 --predictions model.csv >/dev/null
cmp direct.csv model.csv || die 'evaluated without a file it predicts something else'
[[ $(members eval.json integer_layers) == 18 ]] || die "$(cat eval.json)"
"$eval" model.sgn --limit-test 10 | grep -qx 'activations  int8 in 18 convolutions, fp32 in the others' || die 'activations'
# The training graph rounds alike, but for values at the edge of a step.
awk '/parity_mismatches/ { n = $2 + 0; exit !(n < 20) }' eval.json || die "$(grep parity eval.json)"

# ---- floats when they are asked for, in the training graph as well ----
"$eval" run/best.h5 --act fp32 --limit-test 1000 --predictions float.csv --json >eval.json
! cmp -s direct.csv float.csv || die '--act fp32 does nothing'
[[ $(members eval.json integer_layers) == 0 ]] || die "$(cat eval.json)"
[[ $(members eval.json parity_mismatches) == 0 ]] || die "$(grep parity eval.json)"
[[ $(rounded fp32 run/best.h5 --act fp32) == 21 ]] || die "$(cat plan.json)"

# ---- layers in full precision read floats; inputs below 0 ----
"$train" "${small[@]}" --epochs 1 --quant ternary --act int8 --activation prelu \
    --layer 'layer1.*=fp32' --layer 'conv1=binary' --out rules >/dev/null
[[ $(rounded int8 rules/best.h5) == 13 && $(rounded fp32 rules/best.h5) == 8 ]] || die "$(cat plan.json)"
"$eval" rules/best.h5 --limit-test 200 --json >eval.json
awk '/parity_mismatches/ { n = $2 + 0; exit !(n < 20) }' eval.json || die "$(grep parity eval.json)"

# ---- with all else that a run may have ----
"$train" "${small[@]}" --epochs 1 --quant binary --act int8 --ema 0.9 --precision bf16 \
    --teacher run/best.h5 --out student >/dev/null || die '--teacher, --ema, --precision'
[[ $(rounded uint8 student/best.h5) == 18 ]] || die "$(cat plan.json)"
"$train" "${small[@]}" --act int8 --summary >look.txt
grep -Eq '^layer1\.0\.conv2 +conv 3x3/1 signed-mean +4x32x32 +144 ' look.txt || die "$(cat look.txt)"
! grep -Eq "fake_quantize|center_channels" look.txt || die "no layer: $(cat look.txt)"
"$train" "${small[@]}" --act int8 --profile >look.txt
grep -Eq '^fake_quantize +4x32x32 +7 ' look.txt || die "$(cat look.txt)"

# ---- what cannot be is said in one line ----
refused "no convolution of the network has one-bit or ternary weights" "$train" "${small[@]}" --quant fp32 --act int8
refused "--act cannot change" "$train" --resume run --act fp32
refused "settled its steps" "$eval" run/best.h5 --act int8 --calibrate 10
refused "settled its steps" "$eval" run/best.h5 --export x.sgn --act int8 --data-dir .
refused "no effect without --act int8" "$eval" run/best.h5 --act fp32 --calibrate 10
refused "give its checkpoint" "$eval" model.sgn --act fp32
refused "fp32, int8" "$train" "${small[@]}" --act int4
