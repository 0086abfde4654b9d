#!/usr/bin/env bash
# signet and its commands: help, what is mistyped, and that `signet export` and `signet inspect` do what
# `./eval --export` and the like do.
# usage: test_commands.sh TRAIN EVAL SIGNET
signet=$(readlink -f -- "$3")
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"
unset SN_ISA

# ---- what there is ----
"$signet" help >help.txt
commands=$(sed -n 's/^  \([a-z]*\)  .*/\1/p' help.txt)
[[ $(tr "\n" " " <<<"$commands") == 'train eval export inspect version help ' ]] || die "commands: $(cat help.txt)"
cmp help.txt <("$signet" --help) || die '--help'
for command in $commands; do
    "$signet" help "$command" >help.txt
    cmp help.txt <("$signet" "$command" --help) || die "two helps of $command"
    grep -q "^usage: signet $command " help.txt || die "usage of $command: $(cat help.txt)"
    (($(wc -L <help.txt) <= 100)) || die "$command: $(wc -L <help.txt) columns"
    "$signet" help --man "$command" >page.1
    grep -q "^signet.-$command .- " page.1 || die "no manual page of $command: $(cat page.1)"
done
SN_ROOT=$PWD "$train" --help >help.txt
grep -q '^usage: ./train ' help.txt || die 'the launcher is not named as it is typed'

# ---- what is mistyped ----
refused 'signet help lists the commands' "$signet"
refused "unknown command 'trian'; did you mean train?" "$signet" trian
refused "unknown command 'insp'; did you mean inspect?" "$signet" insp
refused "unknown command 'best.h5'; there are: train, eval, export, inspect, version, help" "$signet" best.h5
refused "unknown command 'evla'; did you mean eval?" "$signet" help evla
refused "train: unknown option '--epohcs'; did you mean --epochs?" "$signet" train --epohcs 3
refused "eval: unknown option '--sumary'; did you mean --summary?" "$signet" eval m.sgn --sumary
refused "inspect: unknown option '--compare-form'; did you mean --compare-forms?" "$signet" inspect m.sgn --compare-form
refused "inspect: unknown look 'plam'; did you mean plan?" "$signet" inspect plam m.sgn
refused "unknown look 'x'; there are: summary, plan, cost, config" "$signet" inspect x m.sgn
refused 'does not go with' "$signet" help --man --completion

# ---- the version ----
"$signet" version >version.txt
cmp version.txt <("$signet" --version) || die '--version'
for line in 'signet  *[0-9.]*' 'compiler  *[a-z]* [0-9].*' 'inference  *portable.*' 'HDF5  *[0-9.]*' 'libpng .*' \
    'jansson .*' 'OpenBLAS .*' 'oneDNN .*'; do
    grep -qx "$line" version.txt || die "no '$line' in $(cat version.txt)"
done
[[ $("$signet" version --json | jq -r .HDF5) == "$(sed -n 's/^HDF5 *//p' version.txt)" ]] || die 'JSON'

# ---- the same by two names ----
"$signet" train "${small[@]}" --epochs 1 --out run >/dev/null 2>&1 || die 'signet train'
[[ $("$signet" export run/best.h5 a.sgn a.h) == "a.sgn: "*"a_example.c" ]] || die 'signet export'
"$eval" run/best.h5 --export b.sgn >/dev/null
cmp a.sgn b.sgn || die 'two exports differ'
[[ -s a.h && -s a_example.c ]] || die 'no C files'
"$signet" inspect run/best.h5 >a.txt
cmp a.txt <("$signet" inspect summary run/best.h5) || die 'a summary is what inspect prints'
cmp a.txt <("$eval" run/best.h5 --summary) || die 'signet inspect summary'
cmp <("$signet" inspect cost a.sgn | grep -v '^Measured') <("$eval" a.sgn --cost | grep -v '^Measured') || die 'signet inspect cost'
"$signet" inspect plan a.sgn --compare-forms --costs builtin --json | jq -e '.layers[1].fastest_form != null' >/dev/null ||
    die 'signet inspect plan'
"$signet" eval a.sgn --limit-test 20 | grep -q '^top-1 .* of 20 images' || die 'signet eval'

# ---- the options of a run ----
jq -e '.given == ["dataset", "limit-train", "limit-test", "width", "epochs", "batch", "threads"] and
    .options.width == 0.25 and .defaults.width == 1 and .defaults.estimator == .options.estimator' run/config.json \
    >/dev/null || die "given and defaults: $(cat run/config.json)"
"$signet" inspect config run/last.h5 --json >config.json
cmp config.json <("$eval" run/last.h5 --config --json) || die 'two configurations'
jq -e --slurpfile run run/config.json '
    (.options | map({key: .option, value}) | from_entries) == $run[0].options and
    (.options | map({key: .option, value: .default}) | from_entries) == $run[0].defaults and
    (.options | map(select(.given) | .option)) == $run[0].given' config.json >/dev/null || die "$(cat config.json)"
"$signet" inspect config run/last.h5 | grep '^width ' >width.txt
[[ $(xargs <width.txt) == 'width 0.25 1 yes' ]] || die "$(cat width.txt)"
"$train" --resume run --epochs 2 --threads 2 >/dev/null 2>&1
jq -e '.options.epochs == 2 and (.given | index("epochs"))' run/config.json >/dev/null || die 'resumed'

# ---- every report in every format ----
formats() { # COMMAND...: text differs from JSON, which is whole, and from CSV, all lines of which have as many cells
    "$@" >text.txt
    "$@" --format json >report.json
    "$@" --format csv >report.csv
    jq -e 'length > 0' report.json >/dev/null || die "no JSON: $*: $(cat report.json)"
    ! cmp -s text.txt report.csv || die "CSV is text: $*"
    [[ $(sed 's/"[^"]*"/x/g; s/[^,]//g' report.csv | sort -u | wc -l) == 1 && $(wc -l <report.csv) -gt 1 ]] ||
        die "no CSV: $*: $(cat report.csv)"
}
formats "$signet" inspect a.sgn
[[ $(wc -l <report.csv) == 24 && $(head -n 1 report.csv) == layer,name,op,weights,*,bytes,macs,* ]] || die "$(cat report.csv)"
[[ $(sed -n 3p report.csv) == 1,*,convolution,signed-binary,true,4x32x32,3x3,1,* ]] || die "$(cat report.csv)"
formats "$signet" inspect plan a.sgn --costs builtin
grep -q '^layer,.*,predicted_us,measured_us,.*,form_us.dense,' report.csv || die "$(cat report.csv)"
formats "$signet" inspect cost a.sgn
grep -q '^layer,.*,schemes.planned.energy_pj.total$' report.csv || die "$(cat report.csv)"
formats "$signet" inspect config run/last.h5
formats "$eval" a.sgn --limit-test 20
[[ $(jq .images report.json) == 20 && $(wc -l <report.csv) == 2 ]] || die "$(cat report.csv)"
formats "$signet" export run/best.h5 b.sgn
formats "$train" --list
[[ $(jq 'map(.option) | unique | length' report.json) == 4 ]] || die "$(cat report.json)"
formats "$train" "${small[@]}" --summary
jq -e '.layers | length == 23' report.json >/dev/null || die "$(cat report.json)"
jq -e '(.memory | map(.bytes) | add) == .peak_memory_bytes' report.json >/dev/null || die "$(cat report.json)"
formats "$train" "${small[@]}" --profile
jq -e '((.ops | map(.share) | add) + (.outside | map(.share) | add)) as $all | $all > 0.98 and $all < 1.02 and
    (.by_op | map(.count) | add) == (.ops | map(.count) | add)' report.json >/dev/null || die "$(cat report.json)"
refused '--format has no effect without --profile' "$train" "${small[@]}" --format json
refused 'does not go with --format' "$eval" a.sgn --json --format csv
refused 'text, json, csv' "$signet" inspect a.sgn --format xml

# ---- nothing is run that happens to lie here: only the source tree fetches data ----
mkdir scripts
printf '#!/bin/sh\ntouch "%s/fetched"\n' "$work" >scripts/fetch
chmod +x scripts/fetch
refused 'no cifar10 in data; give its folder with --data-dir' "$signet" train
[[ ! -e fetched ]] || die 'a script of the current folder was run'

# ---- what makes no sense is refused, under the command's name ----
refused 'export: no checkpoint or model given' "$signet" export
refused 'export: no file to write given' "$signet" export a.sgn
refused "give FILE.sgn for a model file or NAME.h for a C array" "$signet" export run/best.h5 model.c
refused 'give one of them' "$signet" export run/best.h5 x.sgn y.sgn
refused 'the very file that is read' "$signet" export a.sgn a.sgn
refused 'no effect without --act int8' "$signet" export run/best.h5 x.sgn --threads 2
refused 'inspect: no checkpoint or model given' "$signet" inspect plan
refused 'is a model file and does not say how it was trained' "$signet" inspect config a.sgn
refused '--compare-forms has no effect without plan' "$signet" inspect cost a.sgn --compare-forms
refused '--threads has no effect with summary: that counts' "$signet" inspect a.sgn --threads 2
refused "inspect: cannot read 'none.sgn'" "$signet" inspect plan none.sgn
