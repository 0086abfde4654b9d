#!/usr/bin/env bash
# The first lines of a run, the time to its end, and what is said about files.
# usage: test_opening.sh TRAIN EVAL MAKE_PICTURE
make_picture=$(readlink -f -- "$3")
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"

# run OPTION...: trains; what it prints goes to ../printed and ../said of the work folder.
run() {
    "$train" "$@" >"$aside/printed" 2>"$aside/said" || die "failed: $* ($(cat "$aside/said"))"
}

# A whole line of one of the two.
expect() {
    grep -Eqx -- "$2" "$aside/$1" || die "no line '$2' in: $(cat "$aside/$1")"
}

# ---- the first lines ----
run "${small[@]}" --epochs 1
[[ $(head -n 1 "$aside/printed") == 'data      shapes: 32 training and 60 test images, 3x32x32' ]] ||
    die "another first line: $(cat "$aside/printed")"
expect printed 'classes   10, the smallest is [a-z]+ with 3 training images'
expect printed 'pixels    mean 0\.[0-9]{3} 0\.[0-9]{3} 0\.[0-9]{3}, deviation 0\.[0-9]{3} 0\.[0-9]{3} 0\.[0-9]{3}'
expect printed 'network   resnet20 of width 0\.25, relu: 17534 parameters, 16704 one-bit weights'
expect printed 'weights   signed-binary: estimator ede, delta ratio 0\.05, center activations, scale filter-mean, signs fixed .*, region filter'
expect printed 'training  1 epoch of 2 steps, batch 16, sgd, learning rate 0\.1, cosine, seed 0'
expect printed 'machine   2 threads, engine [a-z]+, fp32, peak memory about [0-9]+ MiB'
expect printed 'output    runs/shapes-resnet20-signed-binary-0'
[[ $(grep -n '^epoch' "$aside/printed" | cut -d : -f 1) == 9 ]] || die "not eight lines: $(cat "$aside/printed")"
[[ ! -s $aside/said ]] || die "stderr is not empty: $(cat "$aside/said")"
jq -e '.input | .train_images == 32 and .test_images == 60 and .smallest_class_images == 3
    and .largest_class_images == 4 and .smallest_class == 2' \
    runs/shapes-resnet20-signed-binary-0/config.json >/dev/null ||
    die "counts: $(jq .input runs/shapes-resnet20-signed-binary-0/config.json)"

run "${small[@]}" --epochs 1 --quant ternary --act int8 --layer 'layer3.*=binary,scale=one' --out ternary
expect printed 'network   resnet20 of width 0\.25, relu, activations int8: 17534 parameters, 12800 one-bit weights, 4032 two-bit weights'
expect printed 'weights   ternary: estimator ste, delta ratio 0\.7, center none, scale filter-mean; other layers: layer3\.\*=binary,scale=one'
run "${small[@]}" --epochs 1 --quant fp32 --out fp32
expect printed 'weights   fp32'

# ---- the time to the end: once, after 20 steps, whatever reads it ----
pace='train: [0-9]+ images/s; at this rate'
steps=(--dataset shapes --width 0.25 --limit-test 20 --batch 8 --threads 1)
run "${steps[@]}" --limit-train 152 --epochs 1 --out short
[[ ! -s $aside/said ]] || die "19 steps say: $(cat "$aside/said")"
run "${steps[@]}" --limit-train 160 --epochs 3 --stop-after 1 --out long
grep -Eqx "$pace 1 epoch takes [0-9]+ s, until about .*[0-9]{2}:[0-9]{2}" "$aside/said" || die "pace: $(cat "$aside/said")"
run --resume long --stop-after 1
expect printed 'resumed   goes on with epoch 2 of 3, step 1 of 20'
grep -Eqx "$pace the rest takes [0-9]+ s, until about .*" "$aside/said" || die "pace: $(cat "$aside/said")"
run --resume long --epochs 5
expect printed 'resumed   goes on with epoch 3 of 5, step 1 of 20'
[[ $(grep -c 'at this rate' "$aside/said") == 1 ]] || die "not once: $(cat "$aside/said")"
run --resume long
expect printed 'resumed   all 5 epochs are done already; --epochs N goes on'
run --resume fp32 --data-dir .
expect printed 'resumed   its only epoch is done already; --epochs N goes on'
expect said 'train: warning: --data-dir has no effect with --dataset shapes'
"$eval" fp32/best.h5 --data-dir . --parity 0 >/dev/null 2>"$aside/said"
expect said 'eval: warning: --data-dir has no effect with --dataset shapes'
mkdir gone
run "${small[@]}" --epochs 1 --data-dir gone --out drawn
rmdir gone
"$eval" drawn/last.h5 --parity 0 >/dev/null 2>"$aside/said" || die "needs a folder that it never used: $(cat "$aside/said")"
run "${steps[@]}" --limit-train 80 --epochs 3 --out three
grep -Eqx "$pace 3 epochs take [0-9]+ s, until about .*" "$aside/said" || die "pace: $(cat "$aside/said")"

# ---- files: pictures DIR CLASS FIRST LAST [BITS] ----
pictures() {
    mkdir -p "$1/$2"
    for ((i = $3; i <= $4; i++)); do
        "$make_picture" "$1/$2/$i.png" 8 "$i" "${@:5}" || die 'cannot make pictures'
    done
}

folder=(--dataset folder --data-dir pets --width 0.25 --batch 8 --threads 1 --epochs 1)
pictures pets/train cat 1 33
pictures pets/train dog 1 3
for animal in cat dog; do pictures pets/test "$animal" 1 2; done
touch pets/train/dog/{4,5}.bmp pets/test/cat/3.gif
run "${folder[@]}" --out pets-run
expect printed 'data      folder in pets: 36 training and 4 test images, 3x8x8'
expect printed 'classes   2, the smallest is dog with 3 training images'
expect printed 'ignored   2 \.bmp \(training\), 1 \.gif \(test\)'
expect said 'train: warning: pets/train: 2 \.bmp files are ignored, such as dog/4\.bmp; only PNG and JPEG pictures .*'
expect said 'train: warning: pets/test: 1 \.gif file is ignored, such as cat/3\.gif; only PNG and JPEG pictures .*'
expect said 'train: warning: classes are imbalanced: dog has 3 training images, cat 33; .*'
[[ $(wc -l <"$aside/said") == 3 ]] || die "more than three warnings: $(cat "$aside/said")"
"$eval" pets-run/best.h5 >/dev/null 2>"$aside/said"
expect said 'eval: warning: pets/test: 1 \.gif file is ignored, such as .*'

# Ten to one is no more than ten times as many.
rm pets/t*/*/*.bmp pets/t*/*/*.gif pets/train/cat/3[123].png
run "${folder[@]}" --out even
[[ ! -s $aside/said ]] || die "stderr is not empty: $(cat "$aside/said")"

pictures pets/train dog 1 3 12
run "${folder[@]}" --out dark
expect said 'train: warning: pets/train: pictures of 16 bits that use only 12 of them: 3, such as dog/1\.png; .*'

# ---- every broken file is named ----
for i in 1 2; do
    head -c 50 "pets/train/dog/$i.png" >"$aside/cut"
    cp "$aside/cut" "pets/train/dog/$i.png"
done
pictures pets/train bird 1 1
pictures pets/test bird 1 1
before=$(snapshot)
status=0
"$train" "${folder[@]}" --out broken >"$aside/printed" 2>"$aside/said" || status=$?
[[ $status == 2 && ! -s $aside/printed ]] || die "exit status $status: $(cat "$aside/printed")"
for i in 1 2; do expect said "train: pets/train/dog/$i\\.png: broken PNG picture .*"; done
expect said 'train: pets/train: 2 of 34 pictures cannot be used; replace or remove them, or leave them out with --on-bad-image skip\. The first: .*'
[[ $(wc -l <"$aside/said") == 3 ]] || die "not three lines: $(cat "$aside/said")"
[[ $before == "$(snapshot)" ]] || die 'left something behind'
# Those of both splits, whoever is wrong first.
cp "$aside/cut" pets/test/dog/1.png
status=0
"$train" "${folder[@]}" --out broken >"$aside/printed" 2>"$aside/said" || status=$?
[[ $status == 2 ]] || die "exit status $status"
for i in 1 2; do expect said "train: pets/train/dog/$i\\.png: broken PNG picture .*"; done
expect said 'train: pets/test/dog/1\.png: broken PNG picture .*'
[[ $(wc -l <"$aside/said") == 4 ]] || die "not four lines: $(cat "$aside/said")"
