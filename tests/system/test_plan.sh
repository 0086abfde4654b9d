#!/usr/bin/env bash
# Looks at a model: how its layers are computed, and what they cost. Neither needs data.
# usage: test_plan.sh TRAIN EVAL
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"
unset SN_ISA

# Names and values of the layers in a JSON file, one a line.
members() { sed -n "s/^ *\"$2\": \(.*[^,]\),\{0,1\}\$/\1/p" "$1"; }
count() { members "$1" "$2" | wc -l; }

"$eval" --help >help.txt
for option in summary plan compare-forms cost costs; do
    grep -q -- "--$option " help.txt || die "no --$option in the help"
done

# Of a CIFAR-10 network whose data are gone: nothing of this may want them.
mkdir cifar
for i in 1 2 3 4 5; do truncate -s 30730000 "cifar/data_batch_$i.bin"; done
truncate -s 30730000 cifar/test_batch.bin
"$train" --dataset cifar10 --data-dir cifar --width 0.25 --limit-train 64 --limit-test 10 --batch 64 \
    --epochs 1 --threads 2 --quant ternary --out ternary >/dev/null
rm -r cifar
"$train" "${small[@]}" --epochs 1 --quant fp32 --out fp32 >/dev/null
"$eval" ternary/best.h5 --export model.sgn >/dev/null

# ---- the plan as text: a line for each convolution, totals, and a word about the dense form ----
for path in ternary/best.h5 model.sgn; do
    "$eval" $path --plan >plan.txt 2>plan.err
    [[ ! -s plan.err ]] || die "stderr is not empty: $(cat plan.err)"
    label='(conv1|layer[123]\.[012]\.(conv[12]|downsample\.0)) *'
    [[ $(grep -Ec "^$label  [0-9]+x[0-9]+x[0-9]+>" plan.txt) == 21 ]] || die "not 21 layers: $(cat plan.txt)"
    [[ $(grep -c ternary plan.txt) -ge 18 ]] || die "weights are missing: $(cat plan.txt)"
    grep -q '^total' plan.txt || die 'no totals'
    grep -q 'Measured faster dense than planned: [0-9]' plan.txt || die 'no word about the dense form'
    grep -q 'costs measured here' plan.txt || die 'whose costs?'
done

# ---- as JSON ----
"$eval" model.sgn --plan --compare-forms --isa portable --json >plan.json
[[ $(count plan.json form) == 21 && $(count plan.json additions_per_output) == 21 ]] || die "$(cat plan.json)"
for key in layer stride weights input_type density group patterns; do
    [[ $(count plan.json $key) == 21 ]] || die "no $key: $(cat plan.json)"
done
for key in table_bytes predicted_us measured_us predicted_over_measured; do # and in the totals
    [[ $(count plan.json $key) == 22 ]] || die "no $key: $(cat plan.json)"
done
[[ $(members plan.json isa) == '"portable"' && $(members plan.json costs) == '"measured"' ]] || die 'isa, costs'
members plan.json measured_us | awk '!($1 > 0) { exit 1 }' || die 'a layer takes no time'
members plan.json predicted_us | awk '!($1 > 0) { exit 1 }' || die 'a layer was predicted to take no time'
# 18 layers have a choice: three forms of ternary weights, the other two have no choice.
[[ $(count plan.json dense) == 18 && $(count plan.json sparse) == 18 && $(count plan.json shared) == 18 ]] ||
    die "forms: $(cat plan.json)"
[[ $(count plan.json complement) == 0 ]] || die 'ternary weights have a complement form'
[[ $(members plan.json fastest_form | grep -c null) == 3 ]] || die 'the fastest form'
# Of 21 convolutions and of the model.
[[ $(members plan.json name | sort -u | grep -vc null) == 22 ]] || die "names of a model file: $(cat plan.json)"
"$eval" ternary/best.h5 --plan --json >plan.json
[[ $(members plan.json name | sort -u | wc -l) == 21 ]] || die "names: $(cat plan.json)"
[[ $(members plan.json name | tail -n 1) == '"layer3.2.conv2"' ]] || die "the last name: $(cat plan.json)"
"$eval" model.sgn --plan --json >plan.json
[[ $(count plan.json shared) -lt 19 && $(members plan.json fastest_form | sort -u) == null ]] ||
    die 'forms were compared unasked'

# ---- the plan that was asked for ----
for form in dense sparse shared; do
    "$eval" model.sgn --plan --form $form --costs builtin --threads 2 --json >plan.json
    [[ $(members plan.json form | grep -c "\"$form\"") -ge 18 ]] || die "not all $form: $(cat plan.json)"
    [[ $(members plan.json costs) == '"builtin"' && $(members plan.json threads) == 2 ]] || die 'costs, threads'
done
"$eval" model.sgn --plan --form dense >plan.txt
[[ $(grep -c 'dense chosen' plan.txt) == 18 ]] || die "not said to be dense: $(cat plan.txt)"
"$eval" fp32/best.h5 --plan --compare-forms >plan.txt || die 'a model in full precision'
[[ $(grep -c ' fp32 .* dense ' plan.txt) == 21 ]] || die "$(cat plan.txt)"

# ---- built-in costs, and so the plan of an evaluation, are the same every time ----
for i in 1 2; do
    "$eval" model.sgn --plan --costs builtin --json | grep -E '"(form|group|patterns|predicted_us)"' >plan-$i.txt
done
cmp plan-1.txt plan-2.txt || die 'two plans with built-in costs differ'
"$eval" fp32/best.h5 --limit-test 20 --costs measured >/dev/null || die '--costs of an evaluation'

"$eval" fp32/best.h5 --limit-test 20 --plan=false --cost=false | grep -q top-1 || die '--plan=false'

# ---- what it costs ----
"$eval" model.sgn --cost >cost.txt 2>cost.err
[[ ! -s cost.err ]] || die "stderr is not empty: $(cat cost.err)"
for word in fp32 binary ternary signed-binary planned; do
    grep -Eq "^$word +[0-9]" cost.txt || die "no line of $word: $(cat cost.txt)"
done
"$eval" model.sgn --cost --json >cost.json
"$eval" ternary/best.h5 --cost --json >again.json
[[ $(sed 's/"measured".*//' cost.json) == "$(sed 's/"measured".*//' again.json)" ]] ||
    die 'checkpoint and model cost different things'
grep -Eq '^layer3\.2\.conv2  +16x8x8>16 3x3/1 ' cost.txt || die "no name: $(cat cost.txt)"
[[ $(grep -o '"name": "[a-z]' cost.json | wc -l) == 21 ]] || die "names: $(cat cost.json)"
grep -q '"binary_over"' cost.json || die "no ratio: $(cat cost.json)"
"$eval" model.sgn --cost --json --form dense >dense.json
! cmp -s <(sed 's/"measured".*//' cost.json) <(sed 's/"measured".*//' dense.json) ||
    die '--form changes nothing about --cost'

# ---- what makes no sense is refused ----
refused "give one of them" "$eval" model.sgn --plan --cost
refused "give one of them" "$eval" model.sgn --plan --export x.sgn
refused "no effect without --plan" "$eval" model.sgn --compare-forms
refused "no effect without --plan" "$eval" model.sgn --compare-forms --cost
refused "no effect with --plan" "$eval" model.sgn --plan --limit-test 3
refused "no effect with --plan" "$eval" model.sgn --plan --predictions p.csv
refused "no effect with --cost" "$eval" model.sgn --cost --threads 2
refused "no effect with --export" "$eval" model.sgn --export x.sgn --costs builtin
refused "auto, builtin, measured" "$eval" model.sgn --plan --costs cheap
refused "auto, dense, sparse, shared, complement" "$eval" model.sgn --plan --form fast
refused "auto, portable" "$eval" model.sgn --plan --isa sse
refused "none.sgn" "$eval" none.sgn --plan
