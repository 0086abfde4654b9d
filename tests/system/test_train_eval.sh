#!/usr/bin/env bash
# A run from start to end, as a user does it: train, interrupt, resume, evaluate.
# usage: test_train_eval.sh TRAIN EVAL
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"

# ---- every option is in the help, with its default ----
"$train" --help >help.txt
for option in dataset data-dir arch width quant estimator delta-ratio positive-fraction scale epochs \
    batch optimizer lr schedule warmup weight-decay seed threads limit-train limit-test out resume profile summary list act ede-t-min ede-t-max layer ema teacher distill-temperature distill-weight checkpoint-minutes; do
    grep -q -- "--$option" help.txt || die "no --$option in the help"
done
[[ $(tr -s ' \n' ' ' <help.txt) == *'default: resnet20'* ]] || die 'no default in the help'

# ---- everything that can be chosen is listed, with where it is from ----
"$train" --list >list.txt
for option in quant estimator arch dataset; do
    names=$(tr '\n' ' ' <help.txt | tr -s ' ' |
        sed -n "s/.*--$option NAME [^(]*(one of: \([^;]*\);.*/\1/p" | tr -d ',')
    [[ $names ]] || die "no choices of --$option in the help"
    for name in $names; do
        awk -v o="--$option" -v n="$name" '/^--/ { in_it = $1 == o }
            in_it && $1 == n && NF > 4 { found = 1 } END { exit !found }' list.txt ||
            die "no $name under --$option in: $(cat list.txt)"
    done
done
grep -q 'denseshift .*arXiv 2208.09708' list.txt || die 'no reference of denseshift'

# ---- a run, and its files ----
"$train" "${small[@]}" --epochs 2 --quant signed-binary-centered --estimator ste --seed 5 \
    >train.txt 2>train.err
[[ ! -s train.err ]] || die "stderr is not empty: $(cat train.err)"
run=runs/shapes-resnet20-signed-binary-centered-5
for file in config.json metrics.jsonl layers.csv last.h5 best.h5; do
    [[ -s $run/$file ]] || die "no $file"
done
[[ $(find "$run" -type f | wc -l) == 5 ]] || die 'more files than promised'
[[ $(wc -l <$run/metrics.jsonl) == 2 ]] || die 'not one line an epoch'
for key in epoch loss top1 learning_rate density images_per_second seconds; do
    [[ $(grep -c "\"$key\": " $run/metrics.jsonl) == 2 ]] || die "no $key in metrics.jsonl"
done
[[ $(grep -c '^epoch' train.txt) == 2 ]] || die 'not one line an epoch on stdout'

# ---- evaluation: one JSON object, one line of CSV an image, parity ----
"$eval" $run/best.h5 --json --predictions p.csv >eval.json 2>eval.err
[[ ! -s eval.err ]] || die "stderr is not empty: $(cat eval.err)"
for key in top1 top5 images density weight_bytes images_per_second parity_max_abs \
    parity_mismatches arch quant dataset; do
    [[ $(grep -c "\"$key\": " eval.json) == 1 ]] || die "no $key in the JSON"
done
grep -q '"parity_mismatches": 0' eval.json || die 'predictions differ from the training graph'
grep -q '"images": 4000' eval.json || die 'not all test images were used'
[[ $(wc -l <p.csv) == 4000 ]] || die 'not one line an image'
awk -F, 'NF != 13 || $1 != NR - 1 { exit 1 }
    { best = 0; for (i = 1; i < 10; i++) if ($(i + 4) > $(best + 4)) best = i; if (best != $3) exit 1 }' \
    p.csv || die 'p.csv is not index, label, prediction, logits'
top1=$(awk -F, '$2 == $3 { n++ } END { printf "%.6f", 100 * n / NR }' p.csv)
stated=$(sed -n 's/.*"top1": \([0-9.]*\).*/\1/p' eval.json)
awk -v a="$top1" -v b="$stated" 'BEGIN { exit !(a - b < 1e-4 && b - a < 1e-4) }' ||
    die "top-1 is $top1 in the predictions, $stated in the JSON"
"$eval" $run/best.h5 --limit-test 10 >eval.txt
grep -q 'top-1' eval.txt || die 'no top-1 in the text'
"$eval" $run/best.h5 --limit-test 10 --parity 0 --json >eval.json
grep -q '"parity_mismatches": null' eval.json || die 'parity was not measured, but it is stated'
if [[ -w /dev/full ]]; then
    ! "$eval" $run/best.h5 --limit-test 10 --json >/dev/full 2>/dev/null || die 'a full disk is no error'
fi

# ---- Ctrl-C, and on from there ----
"$train" "${small[@]}" --limit-train 320 --epochs 3 --seed 6 --out whole >/dev/null
for end in INT:130 TERM:143; do
    signal=${end%:*}
    out=parts-$signal
    # A processor may be done before the signal comes: then the next attempt waits less long.
    for pause in 0.1 0.01 0; do
        rm -rf "$out"
        : >interrupted.txt # not what the one before has left there
        "$train" "${small[@]}" --limit-train 320 --epochs 3 --seed 6 \
            --out "$out" >interrupted.txt 2>interrupted.err &
        child=$!
        until grep -q '^epoch' interrupted.txt || ! kill -0 $child 2>/dev/null; do sleep 0.02; done
        sleep "$pause"
        status=0
        kill "-$signal" $child 2>/dev/null || :
        wait $child || status=$?
        [[ $status == 0 ]] || break
    done
    [[ $status == "${end#*:}" ]] || die "$signal: exit status $status"
    grep -q -- "--resume $out" interrupted.err || die 'no word about how to continue'
    "$train" --resume "$out" >/dev/null 2>&1 || die 'cannot resume'
    strip() { sed 's/"images_per_second.*//' "$1/metrics.jsonl"; }
    diff <(strip whole) <(strip "$out") || die 'the resumed run went another way'
    cmp whole/layers.csv "$out/layers.csv" || die 'layers.csv of the resumed run is another'
    "$eval" whole/last.h5 --predictions a.csv --parity 0 --limit-test 200 >/dev/null
    "$eval" "$out/last.h5" --predictions b.csv --parity 0 --limit-test 200 >/dev/null
    cmp a.csv b.csv || die 'the resumed run ended elsewhere'
done
"$train" --resume whole >again.txt 2>&1 || die 'a finished run cannot be resumed'
