#!/usr/bin/env bash
# test_imports.sh goes red for what it is there to find.
# usage: test_imports_caught.sh REPOSITORY
set -euo pipefail
check=$1/tests/system/test_imports.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

start_over() {
    rm -rf "${tree:?}/src" "$tree/tests"
    mkdir -p "$tree"/src/{base,autograd,quant,data,infer,layers,train,cli} "$tree/tests"
    echo '#include "base/status.h"' >"$tree/src/train/loop.c"
    echo '#include "infer/packer.h"' >>"$tree/src/train/loop.c"
    echo '#include "base/status.h"' >"$tree/src/infer/packer.c"
    echo '#include "infer/signet.h"' >"$tree/src/infer/plan.c"
    echo '#include "train/loop.h"' >"$tree/src/cli/train.c"
}

start_over
bash "$check" "$tree"

count=0
expect_red() { # FILE LINE
    start_over
    echo "$2" >>"$tree/$1"
    if bash "$check" "$tree" >"$tree/out"; then
        echo "not found: $2 in $1"
        exit 1
    fi
    grep -q "^$1" "$tree/out"
    count=$((count + 1))
}
expect_red src/base/rng.c '#include "autograd/tensor.h"'
expect_red src/autograd/op.c '#include "layers/conv.h"'
expect_red src/autograd/op.c '#include "quant/signed.h"'
expect_red src/quant/signed.c '#include "autograd/tensor.h"'
expect_red src/data/loader.c '  #  include "train/loop.h"'
expect_red src/layers/zoo.c '#include "data/dataset.h"'
expect_red src/layers/zoo.h '#include "infer/packer.h"'
expect_red src/train/loop.c '#include "cli/progress.h"'
expect_red src/train/loop.c '#include "infer/plan.h"'
expect_red src/cli/train.c '#include "infer/plan.h"'
expect_red src/infer/plan.c '#include "base/status.h"'
expect_red src/infer/packer.c '#include "quant/signed.h"'
expect_red src/infer/packer.c '#include <hdf5.h>'
expect_red src/infer/kernels.inc '#include <omp.h>'
expect_red src/train/loop.c '#include "optimizer.h"'
expect_red src/train/long.c "$(seq -f '/* %.0f */' 801)"
echo "$count kinds of wrong files found"
