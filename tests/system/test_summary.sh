#!/usr/bin/env bash
# Summaries of networks before training, of checkpoints and of model files: what they state is what is
# exported, whatever the quantizer.
# usage: test_summary.sh TRAIN EVAL
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"
unset SN_ISA

size_of() { stat -c %s "$1"; }
members() { sed -n "s/^ *\"$2\": \(.*[^,]\),\{0,1\}\$/\1/p" "$1"; }
total() { members "$1" "$2" | tail -n 1; }
stated() { sed -n 's/^packed *\([0-9]*\) bytes.*/\1/p' "$1"; }

# adds_up TEXT: the column kB. It follows that of 32-bit parameters; an op is one word or two.
adds_up() {
    awk '/^layer / { for (i = 1; i <= NF; i++) if ($i == "kB") column = i; next }
        /^---/ { getline; total = $(column - 3); exit }
        /^header, metadata, gaps/ { sum += $4; next }
        column && NF > 5 { sum += $(column + ($2 == "conv")); rows++ }
        END { d = sum - total; exit !(rows == 23 && total > 0 && d < 0.125 && d > -0.125) }' "$1"
}

# ---- of every quantizer: before training, of the checkpoint, of the file ----
quantizers=$("$train" --list | sed -n '/^--quant/,/^$/s/^  \([a-z0-9-]*\) .*/\1/p')
[[ $(wc -l <<<"$quantizers") -ge 9 ]] || die "quantizers: $quantizers"
for quant in $quantizers; do
    options=("${small[@]}" --quant "$quant" --seed 5)
    "$train" "${options[@]}" --summary >before.txt
    "$train" "${options[@]}" --epochs 1 --limit-train 64 --out run >/dev/null 2>&1
    "$eval" run/best.h5 --summary >checkpoint.txt 2>summary.err
    [[ ! -s summary.err ]] || die "stderr is not empty: $(cat summary.err)"
    "$eval" run/best.h5 --summary --json >checkpoint.json
    "$eval" run/best.h5 --export model.sgn >/dev/null
    "$eval" model.sgn --summary >model.txt
    "$eval" model.sgn --summary --json >model.json
    size=$(size_of model.sgn)
    for text in before.txt checkpoint.txt model.txt; do
        [[ $(stated $text) == "$size" ]] || die "$quant, $text: $(stated $text) bytes stated, $size exported"
        adds_up $text || die "$quant, $text: sizes do not add up: $(cat $text)"
        width=$(wc -L <$text)
        ((width <= 132)) || die "$quant, $text: $width columns"
    done
    for json in checkpoint.json model.json; do
        [[ $(total $json packed_bytes) == "$size" ]] || die "$quant, $json: not $size bytes: $(cat $json)"
        # Of 23 layers and the total; the total comes last.
        sum=$(members $json bytes | awk -v other="$(total $json other_bytes)" \
            '{ sum += last; last = $1; rows++ } END { print rows, sum + other, last }')
        [[ $sum == "24 $size $size" ]] || die "$quant, $json: layers make $sum: $(cat $json)"
    done
    [[ $(members checkpoint.json bytes) == "$(members model.json bytes)" ]] || die "$quant: layers differ"
    # Of 23 layers and of the model.
    [[ $(members model.json name | sort -u | grep -vc null) == 24 ]] || die "a model file does not name layers: $(cat model.json)"
    [[ $(members checkpoint.json name | sed -n 2p) == '"layer1.0.conv1"' ]] || die "$(cat checkpoint.json)"
    [[ $(members checkpoint.json name) == "$(members model.json name | tail -n 23)" ]] || die "$quant: names differ"
    rm -r run
done
grep -q 'Not trained yet' <("$train" "${small[@]}" --summary) || die 'not said to be untrained'
grep -q 'Not trained yet' checkpoint.txt model.txt && die 'trained weights are said to be initial ones'

# ---- one layer of each kind ----
"$train" "${small[@]}" --epochs 1 --quant ternary --layer 'layer1.*=binary' --layer 'layer2.*=signed-binary-centered' \
    --layer 'layer3.*=denseshift' --layer 'layer2.0.downsample.0=fp32' --out mixed >/dev/null 2>&1
"$eval" mixed/best.h5 --summary --isa portable >mixed.txt
row() { grep -Eq "$1" mixed.txt || die "no '$1' in: $(cat mixed.txt)"; }
row '^conv1 +conv 3x3/1 fp32 +4x32x32 +- +116 +0\.54 +0\.111 +0\.111 +- +- +- +- +-$'
row '^layer1\.0\.conv1 +conv 3x3/1 binary +4x32x32 +144 +8 +0\.13 +0\.147 +0\.147 +1\.000 +16 +[0-9]+ +36\.0 +[0-9.]+$'
row '^layer2\.0\.conv2 +conv 3x3/1 centered +8x16x16 +576 +16 +0\.22 +0\.147 +0\.[0-9]+ +0\.[0-9]+ +64 +[0-9]+ +[0-9.]+ +[0-9.]+$'
row '^layer3\.0\.conv2 +conv 3x3/1 fp32 +16x8x8 +- +2336 '
row '^fc +linear +fp32 +10 +- +170 '
row 'for portable kernels by built-in costs'
if grep -q '2-bit 32-bit' mixed.txt; then die "a column without numbers: $(cat mixed.txt)"; fi
"$eval" mixed/best.h5 --summary --isa portable --form dense >dense.txt
grep -Eq '^layer1\.0\.conv1 .* 36\.0\*$' dense.txt || die "dense is not marked: $(cat dense.txt)"
"$eval" mixed/best.h5 --summary --isa portable >again.txt
cmp mixed.txt again.txt || die 'two summaries differ'

# ---- integers take no more room ----
"$eval" mixed/best.h5 --summary --act int8 --calibrate 20 >int8.txt
"$eval" mixed/best.h5 --act int8 --calibrate 20 --export int8.sgn >/dev/null
[[ $(stated int8.txt) == "$(size_of int8.sgn)" ]] || die "int8: $(cat int8.txt)"

# ---- what makes no sense is refused ----
refused "give one of them" "$eval" mixed/best.h5 --summary --plan
refused "give one of them" "$eval" mixed/best.h5 --summary --export x.sgn
refused "no effect with --summary" "$eval" mixed/best.h5 --summary --limit-test 3
refused "no effect with --summary" "$eval" mixed/best.h5 --summary --threads 2
refused "none.h5" "$eval" none.h5 --summary
"$eval" mixed/best.h5 --limit-test 20 --summary=false | grep -q top-1 || die '--summary=false'
