#!/usr/bin/env bash
# The C files are as clang-format 14 leaves them, and shellcheck finds nothing in the scripts.
# usage: test_format.sh REPOSITORY
set -euo pipefail
cd "$1"

rooms=(tests)
if [[ -d bench ]]; then
    rooms+=(bench)
fi
status=77 # until something is checked
failed=0

# The same style file means other line breaks to other versions, so only this one decides.
formatter=
for candidate in clang-format-14 clang-format; do
    if command -v "$candidate" >/dev/null && [[ $("$candidate" --version) == *'version 14.'* ]]; then
        formatter=$candidate
        break
    fi
done
if [[ $formatter ]]; then
    status=0
    find src "${rooms[@]}" -name '*.[ch]' -print0 |
        xargs -0 -r "$formatter" --dry-run -Werror --style=file || failed=1
else
    echo 'clang-format 14 is not there: C files are not checked'
fi

if command -v shellcheck >/dev/null; then
    status=0
    while IFS= read -r -d '' file; do
        if [[ $(head -c 64 "$file" | head -n 1 | tr -d '\0') =~ ^'#!'.*[/\ ](ba|da)?sh$ ]]; then
            shellcheck -x "$file" || failed=1
        fi
    done < <(find train eval .ci scripts "${rooms[@]}" -type f -print0)
else
    echo 'shellcheck is not there: scripts are not checked'
fi

if ((failed)); then
    exit 1
fi
exit "$status"
