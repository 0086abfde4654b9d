#!/usr/bin/env bash
# Replays damaged checkpoints: of a small run with a moving average and learned signs.
# usage: test_checkpoint.sh TRAIN EVAL PICTURES FUZZ_CHECKPOINT
# shellcheck source=tests/system/programs.sh
source "${0%/*}/../system/programs.sh"
pictures=$3
fuzz=$4
"$pictures" data 8 2
"$train" --dataset folder --data-dir data --width 0.07 --batch 8 --epochs 1 --seed 1 --threads 1 --optimizer adam \
    --ema 0.9 --quant signed-binary --signs learned --out run >/dev/null
TMPDIR=$work "$fuzz" --damage 200 run/last.h5
