#!/usr/bin/env bash
# scripts/fetch: gets what is missing, checks sums, leaves nothing half done. The network is a folder here, and the list of
# data sets one of small files.
# usage: test_fetch.sh TRAIN EVAL REPOSITORY
repository=$(readlink -f -- "$3")
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"

mkdir -p scripts bin net/a net/b/box
cp "$repository/scripts/fetch" scripts/
echo one >net/a/one.gz
echo two >net/a/two.gz
echo inside >net/b/box/file
tar -czf net/b/box.tar.gz -C net/b box

sum_of() {
    "$1sum" "$2" | cut -d ' ' -f 1
}
{
    echo '# comment'
    echo "files 3 one.gz $(sum_of md5 net/a/one.gz) - net/a set"
    echo "files 3 two.gz $(sum_of md5 net/a/two.gz) - net/a set"
    echo "archive 5 box.tar.gz $(sum_of md5 net/b/box.tar.gz) $(sum_of sha256 net/b/box.tar.gz) net/b box"
    echo "bad 5 box.tar.gz $(sum_of md5 net/b/box.tar.gz) 00 net/b box"
} >scripts/datasets
# The last argument is the address, after --output FILE.
# shellcheck disable=SC2016 # for the stub
printf '#!/bin/sh\n[ -e online ] || exit 6\nwhile [ $# -gt 1 ]; do [ "$1" != --output ] || file=$2; shift; done\necho "$1" >>asked\ncp "$1" "$file"\n' >bin/curl
chmod +x bin/curl

fetch() {
    status=0
    PATH="$PWD/bin:$PATH" scripts/fetch "$@" 2>said >printed || status=$?
    [[ ! -s printed ]] || die "on stdout: $(cat printed)"
}

# ---- no network ----
fetch files far/away
[[ $status == 2 && ! -e far ]] || die "status $status: $(cat said)"
[[ $(head -n 1 said) == 'fetching files (3 MB) into far/away; ./train --dataset shapes --epochs 4 trains without it' ]] || die "$(cat said)"
[[ $(tail -n 1 said) == *'the download failed (status 6). Get net/a/one.gz by other means, put it at far/away/set/one.gz and run this again; or train without it: ./train --dataset shapes --epochs 4' ]] || die "$(cat said)"

# ---- files, one of which is there ----
touch online
mkdir -p data/set
cp net/a/one.gz data/set/one.gz
fetch files data
[[ $status == 0 && $(cat asked) == net/a/two.gz ]] || die "status $status: $(cat said asked)"
cmp net/a/two.gz data/set/two.gz
rm asked
fetch files data
[[ $status == 0 && ! -e asked && ! -s said ]] || die "fetched again: $(cat said)"

# ---- an archive, from the network and from the folder ----
fetch archive data
[[ $status == 0 && $(cat data/box/file) == inside ]] || die "status $status: $(cat said)"
rm -r data/box asked
cp net/b/box.tar.gz data/
fetch archive data
[[ $status == 0 && ! -e asked && $(cat data/box/file) == inside ]] || die "status $status: $(cat said)"
rm -r data/box
echo broken >data/box.tar.gz
fetch archive data
[[ $status == 2 && $(cat said) == *'data/box.tar.gz has 7 bytes and the MD5 sum'*'remove it, or get it anew from net/b/box.tar.gz' ]] || die "status $status: $(cat said)"
rm data/box.tar.gz

# ---- what comes is not what was published ----
fetch bad data
[[ $status == 2 && ! -e data/box && $(tail -n 1 said) == *'what was downloaded has the SHA-256 sum'* ]] || die "status $status: $(cat said)"
echo x >>net/a/one.gz
rm data/set/one.gz
fetch files data
[[ $status == 2 && ! -e data/set/one.gz && $(tail -n 1 said) == *'what was downloaded has 6 bytes'* ]] || die "status $status: $(cat said)"
[[ $(find data -mindepth 1 | sort | paste -sd ' ') == 'data/set data/set/two.gz' ]] || die "left behind: $(find data)"

# ---- wrong usage ----
fetch nothing data
[[ $status == 1 && $(cat said) == *"no data set 'nothing'; there are: files archive bad" ]] || die "status $status: $(cat said)"
fetch
[[ $status == 1 && $(cat said) == *'usage: scripts/fetch DATASET DIR'* ]] || die "status $status: $(cat said)"

# The list of the repository: eight fields, sums of the right length.
grep -v '^#' "$repository/scripts/datasets" | awk '
    NF != 7 || length($4) != 32 || ($5 != "-" && length($5) != 64) || $6 !~ /^https?:/ { print; bad = 1 }
    END { exit bad }' || die 'a wrong line in scripts/datasets'
