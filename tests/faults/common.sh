# What tests/faults/run and tests/kills share; to be sourced, with $root set.

# The folder of a build: of this one, or of build-test, brought up to date.
find_build() { # [FOLDER]
    local build=${1:-$root/build-test}
    if [[ -z ${1:-} ]]; then
        "$root/scripts/build" -n check -n jq build-test -Dwerror=true
    fi
    build=$(readlink -f -- "$build")
    export signet=$build/signet shim=$build/tests/faults/fault_shim.so
    pictures=$build/tests/faults/fault_pictures
    if [[ ! -f $shim ]]; then
        echo 'this build has no shim: that takes glibc, and no sanitizer' >&2
        exit 77
    fi
}

export OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive OPENBLAS_NUM_THREADS=1 LC_ALL=C
unset SIGNET_DATA SN_ROOT SN_ISA

# Results in words, without what a clock says.
untimed() { # FOLDER
    sed 's/, "images_per_second.*//' "$1/metrics.jsonl"
    cat "$1/layers.csv" "$1/config.json"
}

# Whether two runs have the same bits.
same_run() { # FOLDER FOLDER
    cmp -s "$1/last.h5" "$2/last.h5" && cmp -s "$1/best.h5" "$2/best.h5" &&
        diff -q <(untimed "$1") <(untimed "$2") >/dev/null
}
