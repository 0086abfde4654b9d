#!/usr/bin/env bash
# The networks that ship: what each makes of the ten pictures in models/pictures is pinned, on every instruction set
# that this machine has. Sums in another order differ by rounding, and integers by a step here and there.
# usage: test_models.sh TRAIN EVAL ROOT
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"
unset SN_ISA
models=$3/models

shopt -s nullglob
files=("$models"/*.sgn)
((${#files[@]} > 0)) || die 'no model ships'
for model in "${files[@]}"; do
    pinned=${model%.sgn}.logits.csv
    [[ $(wc -l <"$pinned") == 10 ]] || die "$pinned has not ten lines"
    case $model in
    *int8*) most=0.1 ;;
    *) most=0.001 ;;
    esac
    for isa in portable avx2 avx512 neon; do
        "$eval" "$model" --dataset folder --data-dir "$models/pictures" --isa "$isa" \
            --predictions logits.csv >report.txt 2>error.txt || {
            grep -q "$isa" error.txt || die "$model, $isa: $(cat error.txt)"
            continue # this machine does not have it
        }
        paste -d, "$pinned" logits.csv | awk -F, -v most="$most" '
            { half = NF / 2
              for (i = 1; i <= 3; i++) if ($i != $(i + half)) { print "line " NR ": " $0; exit 1 }
              for (i = 4; i <= half; i++) { d = $i - $(i + half)
                  if (d > most || d < -most) { print "line " NR ", logit " i - 4 ": " $i " became " $(i + half); exit 1 } } }' \
            >difference.txt || die "$model, $isa: $(cat difference.txt)"
        tried=yes
    done
done
[[ ${tried-} ]] || die 'no instruction set was tried'
