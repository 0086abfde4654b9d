#!/usr/bin/env bash
# Whatever is typed wrongly gets one clear line and exit status 2, and nothing is written.
# usage: test_bad_input.sh TRAIN EVAL
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"

# ---- options ----
refused "--epohcs" "$train" --epohcs 3
refused "--epochs" "$train" --epohcs 3
refused "needs a value" "$train" --quant
refused "1e9x" "$train" --epochs 1e9x
refused "--lr" "$train" --lr nan
refused "--batch" "$train" --batch 0
refused "--epochs" "$train" --epochs -1
refused "--epochs" "$train" --epochs 99999999999999999999999
refused "shapes, folder, hdf5" "$train" --dataset imagenet
refused "no mnist in data; give its folder with --data-dir" "$train" --dataset mnist
refused "--image-size has no effect" "$train" --dataset shapes --image-size 16
refused "resnet20, resnet32" "$train" --arch vgg
refused "fp32, binary, ternary, signed-binary, signed-binary-centered, ternary-b158" "$train" --quant trinary
refused "ste is" "$train" "${small[@]}" --quant ternary --estimator ede
refused "no convolution" "$train" "${small[@]}" --layer 'layer9.*=binary'
refused "trinary" "$train" "${small[@]}" --layer 'conv1=fp32' --layer 'layer1.*=trinary'
refused "stray" "$train" --dataset shapes stray
refused "more than" "$train" "${small[@]}" --batch 33

# ---- data ----
refused "cifar" "$train" --data-dir nowhere
refused "nowhere" "$train" --data-dir nowhere
mkdir cifar
for i in 1 2 3 4 5; do truncate -s 30730000 "cifar/data_batch_$i.bin"; done
refused "test_batch.bin" "$train" --data-dir cifar
truncate -s 30729999 cifar/test_batch.bin
refused "test_batch.bin" "$train" --data-dir cifar
truncate -s 30730000 cifar/test_batch.bin
printf '\012' | dd of=cifar/data_batch_3.bin bs=1 seek=$((3073 * 77)) conv=notrunc status=none
refused "data_batch_3.bin" "$train" --data-dir cifar
refused "folder" "$train" --dataset folder --data-dir cifar
# Without network or script the message names the data set that needs neither.
refused "--dataset shapes" "$train" --dataset cifar10

# ---- output ----
touch file
refused "--out: file is a file; give a folder, which need not be there yet" "$train" "${small[@]}" --out file
refused "file" "$train" "${small[@]}" --out file/run
if [[ $(id -u) != 0 ]]; then
    mkdir sealed && chmod 555 sealed
    refused "sealed" "$train" "${small[@]}" --out sealed/run
elif [[ -d /proc/1 ]]; then
    refused "/proc/1/run" "$train" "${small[@]}" --out /proc/1/run
fi

# ---- checkpoints ----
refused "no checkpoint or model" "$eval"
refused "none.h5" "$eval" none.h5
echo 'plain text' >text.h5
refused "HDF5" "$eval" text.h5
"$train" "${small[@]}" --epochs 1 --out run >/dev/null
head -c 20000 run/best.h5 >cut.h5
refused "HDF5" "$eval" cut.h5
refused "holds a run" "$train" "${small[@]}" --out run
refused "cannot change" "$train" --resume run --arch resnet32
refused "last.h5" "$train" --resume nowhere
refused "--resume" "$train" --resume ''
refused "--resume: run/last.h5 is a file; give the folder of the run: --resume run" "$train" --resume run/last.h5
(cd run && refused "give the folder of the run: --resume ." "$train" --resume last.h5)
"$eval" run/best.h5 --export model.sgn >/dev/null
for option in --init --teacher; do
    refused "model.sgn: a model file, which has no latent weights; give the checkpoint" \
        "$train" "${small[@]}" "$option" model.sgn
done
ln -s cifar $'caf\xe9'
refused "UTF-8" "$train" "${small[@]}" --dataset cifar10 --data-dir $'caf\xe9'
refused "--predictions" "$eval" run/best.h5 --predictions nowhere/p.csv
refused "no regular file" "$eval" run/best.h5 --predictions cifar
refused "unknown option" "$eval" run/best.h5 --epochs 3
refused "--threads" "$eval" run/best.h5 --threads many
