#!/usr/bin/env bash
# bench/train_throughput: its options, its arithmetic with programs that only pretend to measure, and
# our side of it for real.
# usage: test_throughput.sh TRAIN EVAL OURS SCRIPT
ours=$(readlink -f -- "$3")
script=$(readlink -f -- "$4")
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"
export TMPDIR=$work # where files would be left behind

# ---- bad options, before anything is built ----
refused "--frobnicate" "$script" --frobnicate 3
refused "stray" "$script" stray
refused "needs a value" "$script" --rounds
refused "'0'" "$script" --rounds 0
refused "1e9x" "$script" --steps=1e9x
refused "resnet20 resnet56 resnet18" "$script" --arch resnet20,vgg
refused "no row" "$script" --arch resnet20 --image 224
refused "two" "$script" --threads 1,two
refused "fp32 bf16" "$script" --precision fp16
refused "trinary" "$script" --quant trinary
refused "auto gemm" "$script" --engine fast
refused "nowhere" "$script" --ours nowhere
refused "torch" "$script" --ours "$ours" --python /bin/false
refused "nowhere/x.csv" "$script" --ours "$ours" --csv nowhere/x.csv
refused "resnet20, resnet32" "$ours" --arch vgg
refused "--steps" "$ours" --steps 0
for program in "$script" "$ours"; do
    "$program" --help >"$aside/help"
    for option in arch image batch threads precision quant engine steps seconds; do
        grep -q -- "--$option " "$aside/help" || die "no --$option in the help of $program"
    done
done

# ---- our side: a few steps for real, and nothing left behind ----
before=$(snapshot)
tiny=(--batch 2 --steps 1 --quick --threads 1 --no-torch --ours "$ours")
"$script" "${tiny[@]}" --precision fp32 --json >"$aside/rows" 2>"$aside/error"
[[ ! -s $aside/error ]] || die "stderr is not empty: $(cat "$aside/error")"
row='^{"arch": "resnet20", "image": 32, "batch": 2, "threads": 1, "precision": "fp32", "quant": "QUANT", '
row+='"ours_images_per_second": [1-9][0-9]*\.[0-9]+, "torch_images_per_second": null, "ratio": null}$'
[[ $(wc -l <"$aside/rows") == 2 ]] || die "not two rows: $(cat "$aside/rows")"
for quant in signed-binary fp32; do
    [[ $(grep -cE "${row/QUANT/$quant}" "$aside/rows") == 1 ]] || die "no $quant: $(cat "$aside/rows")"
done
"$ours" --batch 2 --steps 100000 --seconds 0.01 --image 16 --threads 1 >"$aside/row"
grep -qE '"steps": [1-9]' "$aside/row" || die "no limit of time: $(cat "$aside/row")"
"$ours" --steps 1000 --batch 8 --threads 1 >/dev/null &
child=$!
until compgen -G 'signet-bench-*/last.h5' >/dev/null || ! kill -0 $child 2>/dev/null; do sleep 0.02; done
kill -TERM $child
status=0
wait $child || status=$?
[[ $status == 143 ]] || die "SIGTERM: exit status $status"
[[ $before == "$(snapshot)" ]] || die "left something behind: $(snapshot)"

# ---- pretended rates: 1, 5, 3, ... of ours; of the other, contiguous is the faster format ----
cat >"$aside/ours" <<END
#!/bin/sh
[ "\$1" != --about ] || { echo pretended && exit; }
echo >>"$aside/turns-\$6-\$8"
case \$(wc -l <"$aside/turns-\$6-\$8") in
1 | 2) rate=1 ;;
3 | 4) rate=5 ;;
*) rate=3 ;;
esac
echo "{\"images_per_second\": \$rate}"
END
cat >"$aside/python" <<'END'
#!/bin/sh
case $* in
*--about*) echo pretended ;;
*channels_last*) echo '{"images_per_second": 10.5}' ;;
*contiguous*) echo '{"images_per_second": 12e0}' ;;
esac
END
chmod +x "$aside/ours" "$aside/python"
pretend=("$script" --ours "$aside/ours" --python "$aside/python" --arch resnet20)
"${pretend[@]}" --threads 1 --precision fp32 --json >"$aside/rows" ||
    die "exit status $?: $(cat "$aside/rows")"
[[ $(grep -c '"ours_images_per_second": 3.00, "torch_images_per_second": 12.00, "ratio": 0.250}$' \
    "$aside/rows") == 2 ]] || die "wrong medians or ratio: $(cat "$aside/rows")"
"${pretend[@]}" --rounds 1 --csv "$aside/rows.csv" >"$aside/table"
[[ $(grep -c '^resnet20 .* contiguous$' "$aside/table") == 8 ]] || die "not 8 rows: $(cat "$aside/table")"
[[ $(wc -l <"$aside/rows.csv") == 9 ]] || die "not 9 lines: $(cat "$aside/rows.csv")"
awk -F, 'NF != 9 { exit 1 }' "$aside/rows.csv" || die "not 9 columns: $(cat "$aside/rows.csv")"

# What cannot be measured is null, the rest goes on.
printf '#!/bin/sh\nexit 1\n' >"$aside/ours"
status=0
"${pretend[@]}" --rounds 1 --threads 1 --json >"$aside/rows" || status=$?
[[ $status == 1 ]] || die "nothing could be measured, but the exit status is $status"
[[ $(grep -c '"ours_images_per_second": null, "torch_images_per_second": 12.00, "ratio": null}$' \
    "$aside/rows") == 4 ]] || die "not 4 rows: $(cat "$aside/rows")"
