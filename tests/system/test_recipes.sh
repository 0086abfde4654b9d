#!/usr/bin/env bash
# Options of training: validation images, weights of another run, augmentation, clipped gradients, and what is
# said of options without effect.
# usage: test_recipes.sh TRAIN EVAL
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"

quick=("${small[@]}" --epochs 2)

# ---- validation images choose best.h5 ----
"$train" "${quick[@]}" --limit-train 100 --valid 0.2 --quant fp32 --augment crop+flip+cutout --clip-grad 2 \
    --out split >train.txt 2>train.err
[[ $(grep -vc 'at this rate' train.err) == 0 ]] || die "stderr is not empty: $(cat train.err)"
line=$(head -n 1 train.txt)
[[ $line =~ ^data\ .*\ ([0-9]+)\ training,\ ([0-9]+)\ validation\ \(these\ choose\ best\.h5\)\ and\ 60\ test ]] ||
    die "no numbers of images: $line"
kept=${BASH_REMATCH[1]} held=${BASH_REMATCH[2]}
((kept + held == 100 && held >= 15 && held <= 25)) || die "a strange split: $line"
[[ $(grep -cE '^epoch .* valid loss [0-9.]+  valid +[0-9.]+ %  test ' train.txt) == 2 ]] ||
    die "no validation in: $(cat train.txt)"
for key in valid_loss valid_top1 gradient_norm clipped; do
    [[ $(grep -c "\"$key\": [0-9]" split/metrics.jsonl) == 2 ]] || die "no $key in metrics.jsonl"
done
grep -q '^best validation top-1' train.txt || die 'no best validation accuracy'

# ./eval knows the parts, and finds the accuracy that chose the file.
value() { sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p"; }
chosen=$(grep '"best": true' split/metrics.jsonl | tail -n 1 | value valid_top1)
"$eval" split/best.h5 --split valid --json >eval.json
[[ $(value images <eval.json) == "$held" ]] || die "not the $held validation images: $(cat eval.json)"
grep -q '"split": "valid"' eval.json || die 'no split in the JSON'
awk -v a="$(value top1 <eval.json)" -v b="$chosen" -v n="$held" \
    'BEGIN { exit !((a - b) * n < 101 && (b - a) * n < 101) }' ||
    die "$chosen % when it was chosen: $(cat eval.json)"
"$eval" split/best.h5 --split train | grep -q "of $kept train images" || die 'not the training images'
"$eval" split/best.h5 --json >eval.json
! grep -q '"split"' eval.json || die 'a split where nobody asked for one'
[[ $(value images <eval.json) == 4000 ]] || die 'not the test images'
refused "limit-test" "$eval" split/best.h5 --split valid --limit-test 3
"$eval" split/best.h5 --export model.sgn >/dev/null
refused "model file" "$eval" model.sgn --split valid

# ---- the same split when the run goes on, and weights of another run, which is gone by then ----
"$train" "${quick[@]}" --out plain >/dev/null
refused "without --valid" "$eval" plain/best.h5 --split valid
cp split/best.h5 start.h5
recipe=("${quick[@]}" --limit-train 100 --valid 0.2 --quant signed-binary --signs init --init start.h5)
"$train" "${recipe[@]}" --out whole >/dev/null 2>whole.err
[[ $(wc -l <whole.err) == 1 ]] || die "not one line: $(cat whole.err)"
grep -q '^train: --init start.h5: signs are those of its weights$' whole.err || die "$(cat whole.err)"
grep -q '"init": "start.h5"' whole/config.json || die 'no start.h5 in config.json'
"$train" "${recipe[@]}" --out parts --stop-after 1 >/dev/null 2>&1
rm start.h5
"$train" --resume parts >/dev/null
strip() { sed 's/"images_per_second": [^,]*, "seconds": [^,}]*//' "$1/metrics.jsonl"; }
diff <(strip whole) <(strip parts) || die 'the resumed run went another way'
refused "cannot change" "$train" --resume parts --init plain/best.h5
refused "cannot change" "$train" --resume parts --valid 0.1
refused "holds a resnet20" "$train" "${quick[@]}" --arch resnet32 --init plain/best.h5
refused "No such file" "$train" "${quick[@]}" --init nowhere.h5
refused "no image of any class" "$train" "${quick[@]}" --valid 0.001
refused "from 0 to 0.5" "$train" "${quick[@]}" --valid 0.6

# ---- pictures too small for a crop train without one ----
refused "neither auto nor" "$train" "${quick[@]}" --crop-padding 0
refused "32x32" "$train" "${quick[@]}" --crop-padding 32
refused "at most 32" "$train" "${quick[@]}" --augment crop+flip+cutout --cutout 33

# ---- options without effect ----
refused "--schedule step" "$train" "${quick[@]}" --step-epochs 3
refused "--signs learned" "$train" "${quick[@]}" --signs-until 0.3
refused "--optimizer adam or adamw" "$train" "${quick[@]}" --beta1 0.8
refused "--optimizer sgd" "$train" "${quick[@]}" --optimizer adam --momentum 0.8
refused "--teacher" "$train" "${quick[@]}" --distill-temperature 2
refused "crop+flip+cutout" "$train" "${quick[@]}" --cutout 8
refused "--augment crop" "$train" "${quick[@]}" --augment flip --crop-padding 2
refused "does not go with --augment" "$train" "${quick[@]}" --no-augment --augment crop
refused "does not go with --out" "$train" "${quick[@]}" --profile --out x
refused "does not go with --resume" "$train" --summary --resume plain
# Sweeps over quantizers and estimators give all of them the same options.
"$train" "${quick[@]}" --epochs 1 --quant fp32 --estimator ste --scale one --out sweep >/dev/null 2>sweep.err
diff - sweep.err <<'END' || die 'not what has no effect'
train: warning: --estimator has no effect with --quant fp32
train: warning: --scale has no effect with --quant fp32
END
"$train" "${quick[@]}" --epochs 1 --estimator ste --ede-t-max 5 --summary 2>&1 >/dev/null |
    grep -q -- '--ede-t-max has no effect without --estimator ede or ede-standardized (here: ste)' ||
    die 'not a word of --ede-t-max'
"$train" "${quick[@]}" --epochs 1 --quant fp32 --layer 'layer3.*=ternary' --scale one --summary 2>&1 >/dev/null |
    grep -q . && die 'a rule of a layer uses --scale'

# ---- --no-augment is --augment none ----
"$train" "${quick[@]}" --no-augment --out a >/dev/null
"$train" "${quick[@]}" --augment none --out b >/dev/null
diff <(strip a) <(strip b) || die '--no-augment is not --augment none'
exit 0
