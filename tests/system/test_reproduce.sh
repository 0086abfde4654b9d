#!/usr/bin/env bash
# scripts/reproduce --quick trains, measures and draws; given again it trains nothing.
# usage: test_reproduce.sh TRAIN EVAL ROOT
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"
command -v jq >/dev/null || exit 77 # skipped

# A root in which nothing has to be built, with the programs under test.
mkdir -p root/scripts
cp "$3"/scripts/{matrix,table,reproduce,figures,latents} root/scripts/
printf '#!/bin/sh\nexit 0\n' >root/scripts/build
printf '#!/bin/sh\nexec "%s" "$@"\n' "$train" >root/train
printf '#!/bin/sh\nexec "%s" "$@"\n' "$eval" >root/eval
chmod +x root/scripts/build root/train root/eval

root/scripts/reproduce --quick -j 2 -o out >made 2>log || die "failed: $(cat log)"
[[ $(cat made) == out/quick.csv && $(wc -l <out/quick.csv) -eq 6 ]] || die "$(cat made out/quick.csv)"
head -n 1 out/quick.csv | grep -q '^name,data,epochs,seed,threads,top1_last,top1_best,density,' ||
    die "columns: $(head -n 1 out/quick.csv)"
# Binary weights: all of them effectual; what is measured is a number greater than 0.
grep -Eq '^"binary-ede","shapes",1,0,1,[0-9.]+,[0-9.]+,1,16704,[1-9][0-9]*,[0-9.]+,[1-9][0-9]*,"[^"]+","[^"]*",[0-9]+,"[a-z]+","fp32","./train --dataset shapes --width 0.25 --quant binary .*--epochs 1 --seed 0 --threads 1"$' out/quick.csv ||
    die "$(cat out/quick.csv)"
grep -Eq '^"fp32",.*,1,"all",' out/quick.csv || die "$(cat out/quick.csv)"

if command -v gnuplot >/dev/null; then
    for picture in weights latency bytes; do
        grep -q '</svg>' "out/quick-$picture.svg" || die "no picture of $picture: $(cat log)"
        grep -q '>signed-binary<' "out/quick-$picture.svg" || die "no signed-binary in the picture of $picture"
    done
    if command -v h5dump >/dev/null; then
        run=out/matrix-shapes-1-0/activations-ede
        root/scripts/latents $run layer1.0.conv1 latents.svg || die 'no histogram'
        # The share that the training log has, of a layer half of whose filters are positive.
        read -r plus minus < <(grep -o '[0-9.]* % effectual' latents.svg | cut -d' ' -f1 | sed -n '1p;3p' | paste -sd ' ')
        grep '^1,layer1.0.conv1,' $run/layers.csv | awk -F, -v mean="$plus $minus" '
            { split(mean, share, " "); difference = $4 - (share[1] + share[2]) / 200
              exit !(difference < 0.002 && difference > -0.002) }' || die "densities: $plus $minus, $(cat $run/layers.csv)"
        status=0
        root/scripts/latents $run nosuch x.svg 2>refused || status=$?
        [[ $status -eq 2 && $(wc -l <refused) -eq 1 && ! -e x.svg ]] || die "status $status: $(cat refused)"
        status=0
        root/scripts/latents out/matrix-shapes-1-0/fp32 layer1.0.conv1 x.svg 2>refused || status=$?
        [[ $status -eq 2 && $(cat refused) == *'are fp32'* ]] || die "status $status: $(cat refused)"
    fi
fi

# Given again: the same networks, none of them trained again.
cksum out/matrix-*/*/last.h5 >before
root/scripts/reproduce --quick -j 2 -o out >made 2>log || die "failed: $(cat log)"
cksum out/matrix-*/*/last.h5 | cmp - before || die 'trained again'

for wrong in out root/scripts/table nosuch.csv; do
    status=0
    root/scripts/figures "$wrong" >refused.out 2>refused || status=$?
    [[ $status -eq 2 && $(wc -l <refused) -eq 1 ]] || die "figures $wrong: status $status: $(cat refused)"
done

for wrong in long-table -x '--quick short'; do
    status=0
    # shellcheck disable=SC2086 # two words
    root/scripts/reproduce $wrong >refused.out 2>refused || status=$?
    [[ $status -eq 2 && $(wc -l <refused) -eq 1 && ! -s refused.out ]] || die "$wrong: status $status: $(cat refused)"
done
