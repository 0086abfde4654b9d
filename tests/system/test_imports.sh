#!/usr/bin/env bash
# Imports run one way only: every file under src includes from the rooms below its own, and names
# the room ("base/status.h"). No source file is longer than 800 lines.
# usage: test_imports.sh REPOSITORY
set -euo pipefail
cd "$1"

# ROOM: what its files may include. A trailing slash means a whole room.
declare -A below=(
    [base]='base/'
    [autograd]='autograd/ base/'
    [quant]='quant/ base/'
    [data]='data/ base/'
    [infer]='infer/' # ships alone; packer.{c,h} turn trained weights into its format
    [packer]='infer/ base/'
    [layers]='layers/ autograd/ quant/ base/'
    [train]='train/ layers/ autograd/ quant/ data/ base/ infer/packer.h infer/signet.h'
    [cli]='cli/ train/ layers/ autograd/ quant/ data/ base/ infer/signet.h'
)
# Libraries of the training side, unknown to the device's.
kept_out_of_infer='^(hdf5|hdf5_hl|cblas|openblas|omp|png|jansson|dnnl)[./]'

failed=0
complain() {
    echo "$*"
    failed=1
}

while IFS=: read -r file line text; do
    room=${file#src/}
    room=${room%%/*}
    if [[ $file == src/infer/packer* ]]; then
        room=packer
    fi
    [[ $text =~ [\"\<]([^\"\>]+)[\"\>] ]]
    header=${BASH_REMATCH[1]}
    if [[ $text == *'<'* ]]; then
        if [[ $file == src/infer/* && $header =~ $kept_out_of_infer ]]; then
            complain "$file:$line: infer does without <$header>"
        fi
        continue
    fi
    if [[ -z ${below[$room]:-} ]]; then
        complain "$file:$line: '$room' is no room that test_imports.sh knows"
        continue
    fi
    allowed=
    for prefix in ${below[$room]}; do
        if [[ $header == "$prefix" || ($prefix == */ && $header == "$prefix"*) ]]; then
            allowed=yes
        fi
    done
    [[ $allowed ]] || complain "$file:$line: $room may not include \"$header\", only: ${below[$room]}"
done < <(grep -rHnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]' src \
    --include='*.[ch]' --include='*.inc' --include='*.def')

while IFS= read -r -d '' file; do
    lines=$(wc -l <"$file")
    ((lines <= 800)) || complain "$file: $lines lines; split what is longer than 800"
done < <(find src tests -type f \( -name '*.[ch]' -o -name '*.inc' -o -name '*.def' -o \
    -name '*.sh' -o -name '*.py' -o -name meson.build \) -print0)

exit "$failed"
