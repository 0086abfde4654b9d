#!/usr/bin/env bash
# Models as files: written without data, run without a checkpoint, compiled into a C program.
# usage: test_export.sh TRAIN EVAL INFER_ALONE REPOSITORY
alone=$(readlink -f -- "$3")
root=$(readlink -f -- "$4")
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"
unset SN_ISA

size_of() { stat -c %s "$1"; }
number() { sed -n "s/.*\"$2\": \([-0-9.e]*\).*/\1/p" "$1"; }

# ---- a file, and its stated size ----
"$train" "${small[@]}" --epochs 1 --quant signed-binary-centered --seed 3 --out run >/dev/null

# ---- what is read, and checkpoints, are not overwritten ----
before=$(cksum run/*.h5)
refused "the very file that is read" "$eval" run/best.h5 --export run/best.h5
refused "the very file that is read" "$eval" run/best.h5 --predictions ./run/../run/best.h5
refused "run/last.h5 is a checkpoint, which would be lost" "$eval" run/best.h5 --export run/last.h5
[[ $(cksum run/*.h5) == "$before" ]] || die 'a checkpoint was overwritten'
"$eval" run/best.h5 --export model.sgn >export.txt 2>export.err
[[ ! -s export.err ]] || die "stderr is not empty: $(cat export.err)"
[[ $(cat export.txt) == "model.sgn: $(size_of model.sgn) bytes" ]] || die "$(cat export.txt)"
"$eval" run/best.h5 --export again.sgn --json >export.json
[[ $(number export.json packed_bytes) == "$(size_of again.sgn)" ]] || die "$(cat export.json)"
cmp model.sgn again.sgn || die 'two exports differ'
[[ $(head -c 8 model.sgn) == signetNN ]] || die 'not a model'
[[ $(find . -maxdepth 1 -name '*.tmp' | wc -l) == 0 ]] || die 'a temporary file is left'

# ---- the file says what the checkpoint says ----
"$eval" run/best.h5 --limit-test 500 --json --predictions checkpoint.csv >checkpoint.json
"$eval" model.sgn --limit-test 500 --json --predictions model.csv >model.json 2>model.err
[[ ! -s model.err ]] || die "stderr is not empty: $(cat model.err)"
cmp checkpoint.csv model.csv || die 'checkpoint and model predict differently'
for key in top1 top5 loss images density weight_bytes packed_bytes effectual_weights; do
    [[ -n $(number model.json $key) && $(number model.json $key) == "$(number checkpoint.json $key)" ]] ||
        die "$key differs: $(cat model.json)"
done
[[ $(number model.json packed_bytes) == "$(size_of model.sgn)" ]] || die 'the stated size is not the size'
grep -q '"name": "shapes-resnet20-signed-binary-centered-3"' model.json || die "no name: $(cat model.json)"
grep -q '"dataset": "shapes"' model.json || die 'no data set'
grep -Eq '"isa": "(portable|avx2|avx512|neon|amx)"' model.json || die 'no isa'
grep -q '"parity_mismatches": null' model.json || die 'parity without a training graph'
"$eval" model.sgn --limit-test 20 --isa portable >model.txt
grep -q 'portable kernels' model.txt || die "no kernels: $(cat model.txt)"
grep -q 'no training graph' model.txt || die 'not a word about parity'
cp model.sgn renamed
"$eval" renamed --limit-test 20 >/dev/null || die 'a model is known by its suffix only'
SN_ISA=portable "$eval" model.sgn --limit-test 20 >/dev/null || die 'SN_ISA'

# ---- no data is needed for exporting ----
mkdir cifar
for i in 1 2 3 4 5; do truncate -s 30730000 "cifar/data_batch_$i.bin"; done
truncate -s 30730000 cifar/test_batch.bin
"$train" --dataset cifar10 --data-dir cifar --width 0.25 --limit-train 64 --limit-test 10 --batch 64 \
    --epochs 1 --threads 2 --out cifar-run >/dev/null
mv cifar away
"$eval" cifar-run/best.h5 --export cifar.sgn >/dev/null || die 'exporting needs the data'
refused "--dataset shapes" "$eval" cifar.sgn
refused "airplane" "$eval" cifar.sgn --dataset shapes
mv away cifar
"$eval" cifar.sgn --data-dir cifar --limit-test 10 >/dev/null || die 'the data set is not known'

# ---- as C ----
"$eval" model.sgn --export-c network.h >/dev/null
[[ -s network.h && -s network_example.c ]] || die 'no C files'
sources=()
for file in "$root"/src/infer/*.c; do
    case ${file##*/} in
    packer*.c | threads*.c) ;;
    *) sources+=("$file") ;;
    esac
done
# The library once, a program twice.
cc -std=c11 -O1 -Wall -Wextra -Werror -I"$root/src" -c "${sources[@]}" || die 'the library does not compile'
compile() { cc -std=c11 -O1 -Wall -Wextra -Werror -I"$root/src" "$@" ./*.o -lm -o program; }
echo '/* mine */' >>network_example.c
"$eval" run/best.h5 --export-c network.h >/dev/null 2>kept.err
[[ $(tail -n 1 network_example.c) == '/* mine */' ]] || die 'a changed example was overwritten'
grep -q 'network_example.c is there with changes and stays' kept.err || die "not said: $(cat kept.err)"
rm network_example.c
"$eval" run/best.h5 --export-c network.h >/dev/null 2>kept.err
[[ -s network_example.c && ! -s kept.err ]] || die "no new example: $(cat kept.err)"
compile network_example.c || die 'the example does not compile'
./program >zeros.txt || die 'the example does not run'
[[ $(awk '{ print $2 }' zeros.txt | head -n 2 | xargs) == 'arrow circle' ]] || die "classes: $(cat zeros.txt)"
# The same picture for both: its values are exact.
sed 's|^    /\* The image goes here.*|    for (int i = 0; i < 3 * 32 * 32; i++)\n        (\&image[0][0][0])[i] = (float)(i % 7) - 3;|' \
    network_example.c >filled.c
grep -q 'i % 7' filled.c || die 'the example has no place for an image'
compile filled.c
./program | awk '{ print $1 }' >program.txt
cat >image.c <<'END'
#include <stdio.h>
int main(void) {
    for (int i = 0; i < 3 * 32 * 32; i++) {
        float value = (float)(i % 7) - 3;
        fwrite(&value, sizeof value, 1, stdout);
    }
    return 0;
}
END
cc -std=c11 image.c -o image && ./image >image.raw
"$alone" model.sgn image.raw >alone.txt
paste program.txt alone.txt | awk '{ d = $1 - $2; if (d > 1e-3 || d < -1e-3) exit 1 } END { exit NR != 10 }' ||
    die "logits differ: $(paste program.txt alone.txt)"
! cmp -s program.txt <(awk '{ print $1 }' zeros.txt) || die 'the image does not matter'

# ---- what cannot be done is said in one line, and leaves nothing ----
refused "no checkpoint or model" "$eval"
refused "none.sgn" "$eval" none.sgn
echo 'plain text' >text.sgn
refused "signetNN" "$eval" text.sgn
head -c 300 model.sgn >cut.sgn
refused "truncated model: 300 bytes" "$eval" cut.sgn
head -c 30 model.sgn >stub.sgn
refused "truncated" "$eval" stub.sgn --export x.sgn
{ cat model.sgn; echo; } >long.sgn
refused "1 bytes follow" "$eval" long.sgn
cp model.sgn bad.sgn
printf '\001' | dd of=bad.sgn bs=1 seek=8 conv=notrunc status=none
refused "version 1 of the model format, need version 2" "$eval" bad.sgn
cp model.sgn bad.sgn
printf '\377' | dd of=bad.sgn bs=1 seek=4000 conv=notrunc status=none
refused "corrupt" "$eval" bad.sgn
refused "--parity 10" "$eval" model.sgn --parity 10
refused "no effect with --export" "$eval" model.sgn --export x.sgn --predictions p.csv
refused "no effect with --export" "$eval" run/best.h5 --export x.sgn --limit-test 3
refused "--export needs" "$eval" run/best.h5 --export ''
refused "nowhere/x.sgn" "$eval" model.sgn --export nowhere/x.sgn
refused "is a directory" "$eval" model.sgn --export cifar
refused "should end in .h" "$eval" model.sgn --export-c model.c
refused "auto, portable, avx2, avx512, neon, amx" "$eval" model.sgn --isa sse
refused "auto, dense, sparse, shared, complement" "$eval" model.sgn --form fast
refused "SN_ISA" env SN_ISA=sse "$eval" model.sgn
case $(uname -m) in
x86_64) refused "there are: auto, portable" "$eval" model.sgn --isa neon ;;
aarch64) refused "there are: auto, portable" "$eval" model.sgn --isa avx2 ;;
esac
