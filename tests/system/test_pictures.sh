#!/usr/bin/env bash
# Pictures of any size: trained on, evaluated, left out when they are broken; and grey networks.
# usage: test_pictures.sh TRAIN EVAL MAKE_PICTURE
make_picture=$(readlink -f -- "$3")
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"

# pictures DIR FIRST LAST: of 9 to 40 pixels a side.
pictures() {
    mkdir -p "$1"
    for ((i = $2; i <= $3; i++)); do
        "$make_picture" "$1/$i.png" $((8 + i)) "$i" || die 'cannot make pictures'
    done
}
for class in cat dog; do
    pictures "pets/train/$class/indoors" 1 16
    pictures "pets/train/$class/outdoors" 17 32
    pictures "pets/valid/$class" 1 8
done
run=(--dataset folder --data-dir pets --width 0.25 --batch 8 --threads 1 --epochs 1)

# ---- sizes differ ----
status=0
"$train" "${run[@]}" >printed 2>said || status=$?
[[ $status == 2 && ! -s printed && ! -e runs ]] || die "status $status: $(cat printed)"
grep -qx 'train: pets/train/cat/indoors/10.png: has 18 x 18 pixels, but pets/train/cat/indoors/1.png has 9 x 9; give --image-size to resize all' said ||
    die "$(cat said)"
"$train" "${run[@]}" --image-size 16 --out sized >printed 2>said || die "$(cat said)"
grep -qx 'data      folder in pets: 64 training and 16 test images, 3x16x16' printed || die "$(cat printed)"
[[ ! -s said ]] || die "$(cat said)"
"$eval" sized/last.h5 --parity 16 --json >of-checkpoint.json 2>said || die "$(cat said)"
jq -e '.images == 16 and .parity_mismatches == 0' of-checkpoint.json >/dev/null || die "$(cat of-checkpoint.json)"
[[ ! -s said ]] || die "$(cat said)"

# A model file does not say how pictures were read: they are fitted, and that is said.
"$eval" sized/last.h5 --export m.sgn >/dev/null
"$eval" m.sgn --data-dir pets --json >of-model.json 2>said || die "$(cat said)"
[[ $(jq .loss of-model.json) == $(jq .loss of-checkpoint.json) ]] || die "$(cat of-model.json of-checkpoint.json)"
grep -qx 'eval: warning: pets/valid: 14 of 16 pictures have another size; the largest centred square of each is resized to 16 x 16' said ||
    die "$(cat said)"

# ---- the folder of the training is gone ----
mv pets cats
refused 'was trained on the data in pets, which is not there; give its place with --data-dir' "$eval" sized/last.h5
"$eval" sized/last.h5 --data-dir cats --parity 0 --json | jq -e '.images == 16' >/dev/null || die 'the place that was given'
mv cats pets

# ---- grey, and a run that goes on ----
"$train" "${run[@]}" --image-size 12 --channels 1 --epochs 2 --stop-after 1 --out grey >printed 2>said || die "$(cat said)"
grep -qx 'data      folder in pets: 64 training and 16 test images, 1x12x12' printed || die "$(cat printed)"
"$train" --resume grey >printed 2>said || die "$(cat said)"
"$eval" grey/last.h5 --parity 16 --json | jq -e '.parity_mismatches == 0' >/dev/null || die 'a grey network differs'

# ---- broken pictures ----
echo broken >pets/train/cat/indoors/3.png
refused 'pets/train/cat/indoors/3.png: is neither a PNG nor a JPEG picture' "$train" "${run[@]}" --image-size 16
"$train" "${run[@]}" --image-size 16 --on-bad-image skip --out skipped >printed 2>said || die "$(cat said)"
grep -qx 'data      folder in pets: 63 training and 16 test images, 3x16x16' printed || die "$(cat printed)"
grep -qx 'train: warning: pets/train: 1 of 64 pictures cannot be read and are left out; the first: pets/train/cat/indoors/3.png: is neither a PNG nor a JPEG picture' said ||
    die "$(cat said)"

# ---- pictures of any size are classified by themselves ----
"$eval" sized/last.h5 --images pets/valid/cat/{1,7}.png --format csv >guesses.csv 2>said || die "$(cat said)"
[[ ! -s said && $(wc -l <guesses.csv) == 5 ]] || die "two classes for each of two pictures: $(cat guesses.csv)"
[[ $(head -n 1 guesses.csv) == file,rank,class,name,probability ]] || die "$(head -n 1 guesses.csv)"
awk -F, 'NR > 1 { sum[$1] += $5; if ($2 == 2 && $5 > last) exit 1; last = $5; names[$4] = 1; if ($4 != ($3 ? "dog" : "cat")) exit 1 }
    END { for (f in sum) if (sum[f] < 0.999999 || sum[f] > 1.000001) exit 1; exit length(sum) != 2 }' guesses.csv ||
    die "probabilities: $(cat guesses.csv)"
# What the evaluation predicts for the same pictures (the first and the seventh cat), through a model file as well.
"$eval" sized/last.h5 --predictions all.csv >/dev/null
predicted=$(awk -F, 'NR == 1 || NR == 13 { print $3 }' all.csv | paste -sd ' ')
[[ $(awk -F, '$2 == 1 { print $3 }' guesses.csv | paste -sd ' ') == "$predicted" ]] || die "$predicted: $(cat guesses.csv)"
"$eval" m.sgn --images pets/valid/cat/{1,7}.png --format csv | cmp - guesses.csv || die 'a model file differs'
"$eval" grey/last.h5 --images pets/valid/cat/7.png --json | jq -e 'length == 2 and .[0].probability >= .[1].probability' >/dev/null ||
    die 'a grey network'
refused '--images needs pictures' "$eval" m.sgn --images
refused "unexpected argument 'a.png'; pictures follow --images" "$eval" m.sgn a.png
refused 'nosuch.png: No such file' "$eval" m.sgn --images nosuch.png
refused 'has no effect with --images' "$eval" m.sgn --images pets/valid/cat/1.png --limit-test 3
refused 'are different things to do' "$eval" m.sgn --images --summary
