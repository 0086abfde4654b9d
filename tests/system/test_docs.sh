#!/usr/bin/env bash
# What the documents say exists: every relative link and its anchor, every path of the source tree, and every
# option in a command line or between backticks, with one of its values where the program lists them.
# usage: test_docs.sh REPOSITORY TRAIN EVAL INFER_BENCH
set -euo pipefail
export LC_ALL=C
root=$1
parts=$(mktemp -d "${TMPDIR:-/tmp}/signet-docs-XXXXXX")
trap 'rm -rf "$parts"' EXIT

# ---- what programs know ----

# A line for each option of a help text: its name, then its values with a space before and after each if it
# lists them.
options_of() {
    awk '
        function put() {
            if (name == "") return
            values = ""
            if (match(text, /\(one of: [^;)]*/)) {
                values = substr(text, RSTART + 9, RLENGTH - 9)
                gsub(/[ ,]+/, " ", values)
                values = " " values " "
            }
            print name "\t" values
        }
        /^  (-[a-z], )?--[a-z]/ { put(); match($0, /--[a-z0-9-]+/); name = substr($0, RSTART, RLENGTH); text = "" }
        /^[^ ]/ { put(); name = "" }
        { sub(/^ +/, ""); text = text " " $0 }
        END { put() }'
}

"$2" --help | options_of >"$parts/train"
"$3" --help | options_of >"$parts/eval"
"$4" --help | options_of >"$parts/infer"
grep -oE -- '--[a-z-]+' "$root/bench/infer" | sort -u >>"$parts/infer"
for program in train eval infer; do
    if (($(wc -l <"$parts/$program") < 10)); then
        echo "the help of $program lists hardly any options"
        exit 1
    fi
done

# known COMMAND OPTION: whether the program or script has it. A script has the options that its text names.
known() {
    case $1 in
    train | eval | infer) grep -qE -- "^$2([[:space:]]|$)" "$parts/$1" ;;
    *) grep -qE -- "(^|[^[:alnum:]-])$2([^[:alnum:]-]|$)" "$root/$1" ;;
    esac
}

# The values that a program lists for an option, if it does; of no program in particular those of all.
values_of() { # COMMAND OPTION
    local programs=("$parts/$1")
    if [[ -z $1 ]]; then programs=("$parts"/{train,eval,infer}); fi
    if [[ -f ${programs[0]} ]]; then
        awk -F '\t' -v name="$2" '$1 == name { printf "%s", $2 }' "${programs[@]}"
    fi
}

scripts=$(cd "$root" && grep -rlE --exclude='*.sh' '^#!.*sh$' scripts bench tests)

# Whether any program or script has it.
known_to_any() {
    local program script
    for program in train eval infer; do
        if known "$program" "$1"; then return 0; fi
    done
    for script in $scripts; do
        if known "$script" "$1"; then return 0; fi
    done
    return 1
}

# ---- what documents say ----

complaints=0
complain() {
    echo "$*"
    complaints=$((complaints + 1))
}

# The anchors of a page, as GitHub makes them from its headings.
anchors_of() {
    awk '/^ *```/ { fenced = !fenced }
        !fenced && /^#+ / {
            sub(/^#+ +/, ""); $0 = tolower($0); gsub(/[^a-z0-9_ \200-\377-]/, ""); gsub(/ /, "-")
            print (seen[$0]++ ? $0 "-" seen[$0] - 1 : $0)
        }' "$1"
}

check_links() { # PAGE
    local page=$1 link target anchor
    while IFS= read -r link; do
        [[ $link =~ ^[a-z]+: ]] && continue
        target=${link%%#*}
        anchor=
        if [[ $link == *'#'* ]]; then anchor=${link#*#}; fi
        if [[ $target ]]; then target=${page%/*}/$target; else target=$page; fi
        if ! [[ -e $target ]]; then
            complain "$page: link to $link, which does not exist"
        elif [[ $anchor ]] && ! grep -qxF -- "$anchor" <(anchors_of "$target"); then
            complain "$page: $link: no heading has this anchor"
        fi
    done < <(grep -oE '\]\([^ )]+\)' "$page" | sed 's/^](//; s/)$//')
}

check_value() { # PAGE COMMAND OPTION VALUE
    local values value
    # $q is the variable of a loop; words in capitals stand for something.
    if [[ $4 =~ ^(\$|[A-Z]+$) ]]; then return 0; fi
    values=$(values_of "$2" "$3")
    if [[ -z $values ]]; then return 0; fi
    for value in ${4//|/ }; do
        if [[ $values != *" $value "* ]]; then
            complain "$1: $2 $3: '$value' is not among its values"
        fi
    done
}

# COMMAND is a name as known takes it, or nothing for any program.
check_words() { # PAGE COMMAND WORD...
    local page=$1 command=$2 option='' word name
    shift 2
    for word; do
        if [[ ! $word =~ ^--?[a-z] ]]; then
            if [[ $option ]]; then check_value "$page" "$command" "$option" "$word"; fi
            option=
            check_path "$page" "$word"
            continue
        fi
        name=${word%%=*}
        option=
        if [[ $command ]] && ! known "$command" "$name"; then
            complain "$page: $command has no option $name"
        elif [[ -z $command ]] && ! known_to_any "$name"; then
            complain "$page: $name: no program and no script has this option"
        elif [[ $word == *=* ]]; then
            check_value "$page" "$command" "$name" "${word#*=}"
        else
            option=$name
        fi
    done
}

# Whether a word that looks like a path in the source tree is one. A * stands for anything.
check_path() { # PAGE WORD
    local path=${2#./}
    [[ $path =~ ^(src|docs|tests|bench|scripts|models)/[][A-Za-z0-9_.*/{},-]+$ ]] || return 0
    path=${path%[.,]}
    if [[ $path != *'{'* ]] && ! compgen -G "$root/$path" >/dev/null; then
        complain "$1: $path does not exist"
    fi
}

# check_command PAGE LINE: a command line of ours, without what the shell makes of its output.
check_command() {
    local page=$1 line=$2 words program
    line=$(sed -E "s/^(\\$ )?([A-Z_]+=[^ ]+ )*//; s/ (#|\||>|&&|2>).*//; s/'[^']*'/VALUE/g; s/\"[^\"]*\"/VALUE/g" <<<"$line")
    read -ra words <<<"$line"
    program=${words[0]#./}
    case $program in
    train | eval) ;;
    bench/infer) program=infer ;;
    *)
        if ! [[ -x $root/$program && -f $root/$program ]]; then
            complain "$page: $program is not a program"
            return
        fi
        ;;
    esac
    commands=$((commands + 1))
    check_words "$page" "$program" "${words[@]:1}"
}

ours='(\./(train|eval|tests/run)|(scripts|bench|tests)/[a-z/_0-9]+)'

# What stands between backticks, each on one line.
# shellcheck disable=SC2016 # backticks of Markdown
spans_of() { # PAGE
    awk '
        /^ *```/ { fenced = !fenced; next }
        fenced || /^    / { print ""; next }
        { print }' "$1" | tr '\n' ' ' | grep -oE '`[^`]+`' | tr -d '`'
}

check_page() { # PAGE
    local page=$1 line words
    check_links "$page"
    while IFS= read -r line; do
        check_command "$page" "$line"
    done < <(awk '
        /^ *```/ { fenced = !fenced; next }
        !fenced && !/^    / { next }
        { sub(/^ +/, ""); line = line $0 }
        line ~ /\\$/ { sub(/\\$/, "", line); next }
        { print line; line = "" }' "$page" | grep -E "^(\\$ )?([A-Z_]+=[^ ]+ )*$ours( |$)")
    # Between backticks: commands, options alone, paths.
    while IFS= read -r line; do
        if [[ $line =~ ^$ours\  ]]; then
            check_command "$page" "$line"
        elif [[ $line =~ ^--[a-z] ]]; then
            read -ra words <<<"${line/\'*\'/VALUE}"
            check_words "$page" '' "${words[@]}"
        else
            check_path "$page" "$line"
        fi
    done < <(spans_of "$page")
}

# check_pages FOLDER
check_pages() {
    local page
    complaints=0 commands=0 pages=0
    while IFS= read -r page; do
        pages=$((pages + 1))
        check_page "$page"
    done < <(find "$1" -name '*.md' -not -path '*/.*' -not -path "$1/build*" -not -path "$1/runs/*" -not -path "$1/data/*" | sort)
}

check_pages "$root"
echo "$pages pages, $commands commands, $complaints wrong"
((complaints == 0)) || exit 1
if ((pages < 10 || commands < 50)); then
    echo 'hardly any of it was found'
    exit 1
fi

# ---- that each of these is noticed ----

mkdir "$parts/pages"
trial=$parts/pages/page.md
n=0
while IFS= read -r text; do
    n=$((n + 1))
    printf '# One page\n\n%b\n' "$text" >"$trial"
    check_pages "$parts/pages" >"$parts/said"
    if [[ $text == good:* ]]; then
        ((complaints == 0)) || { echo "$text: $(cat "$parts/said")"; exit 1; }
    else
        ((complaints == 1)) || { echo "not noticed: $text"; cat "$parts/said"; exit 1; }
    fi
done <<'END'
good: [here](page.md#one-page), [there](#one-page), [away](https://example.org/x#y), `--quant`, `src/base`
[nowhere](other.md)
[no heading](page.md#two-pages)
[no heading here](#two-pages)
good:\n\n    $ ./train --layer 'conv1=ternary' --epochs 3 \\\n        --quant $q || break  # --nothing\n
    ./train --epoch 3
    ./train --epochs 3 \\\n        --quants fp32
    ./train --quant septenary
    ./train --quant=septenary --epochs=3
    ./eval model.sgn --epochs 3
    bench/infer --layer seven
    ./tests/run --sanitise
    scripts/matrix --lots
    scripts/nothing -l
    ./eval models/nothing.sgn
Use `--epoch 3`.
Use `--quant fp32|septenary`.
See `./eval model.sgn\n--look`.
See `src/base/nothing.c`.
END
((n > 10))
