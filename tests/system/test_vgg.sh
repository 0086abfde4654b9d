#!/usr/bin/env bash
# VGG-small, a network that is no ResNet, from training to the device: pools, and a classifier that
# reads all pixels.
# usage: test_vgg.sh TRAIN EVAL
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"
unset SN_ISA

number() { sed -n "s/.*\"$2\": \([-0-9.e]*\).*/\1/p" "$1"; }
vgg=(--dataset shapes --arch vgg-small --width 0.0625 --limit-train 128 --limit-test 60 --batch 64 --threads 2 --epochs 1)
layers='conv1 conv2 pool1 conv3 conv4 pool2 conv5 conv6 pool3 fc'

"$train" --list >list.txt
grep -Eq '^  vgg-small .*max pools.*arXiv' list.txt || die "$(cat list.txt)"

# ---- as trained, every kind of weights: kernels and training graph predict the same ----
for quant in fp32 binary ternary signed-binary; do
    "$train" "${vgg[@]}" --quant $quant --out $quant >/dev/null 2>&1
    "$eval" $quant/best.h5 --limit-test 300 --parity 300 --json >eval.json
    [[ $(number eval.json parity_mismatches) == 0 ]] || die "$quant: $(cat eval.json)"
done
grep -q '"lr": 0.02' fp32/config.json || die "learning rate: $(cat fp32/config.json)"

# ---- as a file, on every instruction set ----
"$eval" signed-binary/best.h5 --limit-test 100 --predictions checkpoint.csv >/dev/null
"$eval" signed-binary/best.h5 --export model.sgn >/dev/null
for isa in portable avx2 avx512 neon; do
    "$eval" model.sgn --limit-test 100 --isa $isa --predictions model.csv >/dev/null 2>error.txt || {
        grep -q $isa error.txt || die "$isa: $(cat error.txt)"
        continue # this machine does not have it
    }
    cmp <(cut -d, -f1-3 checkpoint.csv) <(cut -d, -f1-3 model.csv) || die "$isa predicts something else"
done

# ---- looks ----
"$train" "${vgg[@]}" --summary >before.txt
"$eval" model.sgn --summary >model.txt
for text in before.txt model.txt; do
    [[ $(grep -Eo '^(conv|pool|fc)[0-9]*' $text | xargs) == "$layers" ]] || die "$(cat $text)"
done
grep -Eq '^pool3 +max pooling 2x2/2 +- +32x4x4 ' model.txt || die "$(cat model.txt)"
grep -Eq '^fc +linear +fp32 +10 +- +5130 ' model.txt || die "$(cat model.txt)" # 512 inputs
[[ $("$eval" model.sgn --plan --costs builtin | grep -Ec '^conv[1-6]  ') == 6 ]] || die 'plan'
[[ $("$eval" model.sgn --cost | grep -Ec '^conv[1-6]  ') == 6 ]] || die 'cost'
"$train" "${vgg[@]}" --profile >profile.txt
grep -Eq '^max_pool +8x32x32 > 8x16x16 ' profile.txt || die "$(cat profile.txt)"

# ---- integers, found afterwards and in training ----
"$eval" signed-binary/best.h5 --act int8 --calibrate 50 --limit-test 100 --json >eval.json
[[ $(number eval.json integer_layers) == 5 ]] || die "$(cat eval.json)"
"$train" "${vgg[@]}" --act int8 --out int8 >/dev/null 2>&1
"$eval" int8/best.h5 --limit-test 300 --parity 300 --json >eval.json
[[ $(number eval.json integer_layers) == 5 ]] || die "$(cat eval.json)"
awk '/parity_mismatches/ { n = $2 + 0; exit !(n < 10) }' eval.json || die "$(cat eval.json)"

# ---- a rule for one layer, and what does not fit ----
"$train" "${vgg[@]}" --layer 'conv[56]=ternary' --summary >before.txt
grep -Eq '^conv6 +conv 3x3/1 +ternary ' before.txt || die "$(cat before.txt)"
refused "no convolution has such a name" "$train" "${vgg[@]}" --layer 'fc=ternary' --out none
