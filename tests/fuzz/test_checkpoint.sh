#!/usr/bin/env bash
# Replays damaged checkpoints: of a small run with a moving average and learned signs.
# usage: test_checkpoint.sh TRAIN EVAL PICTURES FUZZ_CHECKPOINT
pictures=$(readlink -f -- "$3") # the tests work in a folder of their own
fuzz=$(readlink -f -- "$4")
# shellcheck source=tests/system/programs.sh
source "${0%/*}/../system/programs.sh"
"$pictures" data 8 2
"$train" --dataset folder --data-dir data --width 0.07 --batch 8 --epochs 1 --seed 1 --threads 1 --optimizer adam \
    --ema 0.9 --quant signed-binary --signs learned --out run >/dev/null
TMPDIR=$work "$fuzz" --damage 200 run/last.h5
