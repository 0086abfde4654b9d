#!/usr/bin/env bash
# bench/infer: its options, and tiny contests for real, with a pretended PyTorch.
# usage: test_bench_infer.sh TRAIN EVAL PROGRAM SCRIPT
program=$(readlink -f -- "$3")
script=$(readlink -f -- "$4")
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"

# ---- bad options ----
refused "frobnicate" "$program" --frobnicate 3
refused "16ch-32x32" "$program" --layers seven,16ch
refused "resnet20, resnet18" "$program" --network vgg
refused "'0'" "$program" --batch 1,0
refused "two" "$program" --threads two
refused "'1.5'" "$program" --density 0.5,1.5
refused "'-1'" "$program" --region 8,-1
refused "trinary" "$program" --weights trinary
refused "shared" "$program" --forms share
refused "portable" "$program" --isa sse
refused "--rounds" "$program" --rounds 0
refused "nowhere/x.csv" "$program" --csv nowhere/x.csv
refused "nowhere.sgn" "$program" --model nowhere.sgn --json
refused "cannot import torch" "$script" --program "$program" --torch --python /bin/false
"$script" --program "$program" --help >"$aside/help"
for option in layers network model weights forms isa density region batch threads rounds seconds seed csv torch; do
    grep -q -- "--$option " "$aside/help" || die "no --$option in the help"
done

# ---- rows ----
number='[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?'
keys='^\{"layer": "LAYER", "batch": [0-9]+, "threads": [0-9]+, "density": '"$number"', "weights": "[a-z0-9-]+", '
keys+='"form": "[a-z]+", "isa": "[a-z0-9]+", "us_median": '"$number"', "us_min": '"$number"', '
keys+='"onednn_best_us": ('"$number"'|null), "onednn_direct_us": ('"$number"'|null)[,}]'

# check_rows LAYER: at least one row, and all of them with the keys that everybody relies on.
check_rows() {
    [[ -s $aside/rows ]] || die "no rows"
    grep -qvE "${keys/LAYER/$1}" "$aside/rows" && die "bad rows: $(cat "$aside/rows")"
    return 0
}

quick=(--rounds 1 --seconds 0 --density 0.35 --json)
"$script" --program "$program" --layers 64ch-8x8,16to32ch-32x32-s2,shortcut-32to64ch --batch 1,3 \
    --threads 1,2 "${quick[@]}" --csv "$aside/rows.csv" >"$aside/rows" 2>"$aside/error" ||
    die "exit status $?: $(cat "$aside/error")"
check_rows '[a-z0-9-]+'
for weights in signed-binary signed-binary-centered fp32; do
    [[ $(grep -c "\"layer\": \"64ch-8x8\".*\"weights\": \"$weights\", \"form\": \"auto\"" "$aside/rows") == 4 ]] ||
        die "not four rows of $weights: $(cat "$aside/rows")"
done
[[ $(wc -l <"$aside/rows.csv") == $(($(wc -l <"$aside/rows") + 1)) ]] || die "other rows in the CSV"
awk -F, 'NR == 1 { n = NF } NF != n { exit 1 }' "$aside/rows.csv" || die "columns: $(cat "$aside/rows.csv")"

# ---- text: a summary with every layer ----
"$program" --layers 64ch-8x8,16to32ch-32x32-s2 --batch 1 --threads 1 --rounds 1 --seconds 0 --density 0.2 \
    --weights signed-binary --ours-only --seed 3 >"$aside/table" 2>"$aside/error"
grep -q '^signed-binary, auto: batch 1, threads 1, density 0.2$' "$aside/table" || die "no summary"
grep -q '^  16to32ch-32x32-s2 ' "$aside/table" || die "a layer is missing: $(cat "$aside/table")"
grep -q '^  mean of 1 ' "$aside/table" || die "no mean: $(cat "$aside/table")"

# ---- regions: of weights that have them ----
"$program" --layers 64ch-8x8 --batch 1 --threads 1 --rounds 1 --seconds 0 --density 0.3 --region 0,24,64 \
    --weights signed-binary-centered,signed-binary-input-centered,ternary --forms auto,dense --ours-only --json >"$aside/rows" 2>"$aside/error"
check_rows 64ch-8x8
for region in 0 24 64; do
    for weights in signed-binary-centered signed-binary-input-centered; do
        [[ $(grep -c "\"weights\": \"$weights\".*\"region_channels\": $region}" "$aside/rows") == 2 ]] ||
            die "not two rows of $weights with regions of $region: $(cat "$aside/rows")"
    done
done
[[ $(grep -c '"weights": "ternary".*"region_channels": 0}' "$aside/rows") == 2 ]] ||
    die "not two rows of ternary: $(cat "$aside/rows")"

# ---- a network, and PyTorch that only pretends ----
cat >"$aside/python" <<'END'
#!/bin/sh
case $* in
*'import torch') exit 0 ;;
*torch_infer.py\ --serve\ --arch\ resnet20\ --batch\ 1\ --threads\ 1) while read -r line; do echo 0.0035; done ;;
esac
END
chmod +x "$aside/python"
"$script" --program "$program" --network resnet20 --batch 1 --threads 1 "${quick[@]}" --per-layer \
    --weights signed-binary --torch --python "$aside/python" >"$aside/rows" 2>"$aside/error" ||
    die "exit status $?: $(cat "$aside/error")"
check_rows 'resnet20(:[0-9]+)?'
grep -q '"layer": "resnet20", .*"torch_us": 3500.0' "$aside/rows" || die "no PyTorch: $(cat "$aside/rows")"
[[ $(grep -c '"layer": "resnet20:[0-9]*", .*"form": "auto"' "$aside/rows") == 21 ]] ||
    die "not 21 convolutions: $(cat "$aside/rows")"
[[ -z $(ls) ]] || die "left something behind: $(ls)"
