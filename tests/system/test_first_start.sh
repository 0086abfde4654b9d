#!/usr/bin/env bash
# The first start: scripts/build says what it installs and how far it is, and without data or network
# train says what to do. Package manager, build tools, clock and network are small scripts here.
# usage: test_first_start.sh TRAIN EVAL REPOSITORY
repository=$(readlink -f -- "$3")
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"

mkdir -p bin root/scripts
cp "$repository/scripts/build" root/scripts/
root=$PWD/root
export STATE=$PWD/state
mkdir "$STATE"

# stub NAME BODY: a program in front of all others.
stub() {
    printf '#!/bin/sh\n%s\n' "$2" >"bin/$1"
    chmod +x "bin/$1"
}

# shellcheck disable=SC2016 # expanded in the stubs
{
    stub id 'echo 0'
    stub dpkg :
    stub cc :
    stub apt-get 'case "$*" in *install*) touch "$STATE/installed" ;; esac'
    stub pkg-config 'case $2 in hdf5 | jansson) [ -e "$STATE/installed" ] ;; esac'
    stub meson 'for d; do case $d in */built) mkdir -p "$d"; touch "$d/build.ninja" ;; esac; done'
    # Three seconds later at every look.
    stub date 's=$(cat "$STATE/now" 2>/dev/null || echo 1000); echo $((s + 3)) >"$STATE/now"; echo "$s"'
    stub ninja 'case " $* " in *" -n "*) [ ! -e "$STATE/compiled" ] || echo "ninja: no work to do."; exit ;; esac
i=0
while [ $i -lt 9 ]; do i=$((i + 1)); echo "[$i/9] Compiling C object a.o"; done
[ ! -e "$STATE/broken" ] || { echo "a.c:1: error: no"; exit 1; }
touch "$STATE/compiled"'
}

build() {
    PATH="$PWD/bin:$PATH" CC='' "$root/scripts/build" built 2>said
}

expect() {
    grep -qx -- "$1" said || die "no line '$1' in: $(cat said)"
}

# ---- a new machine ----
build || die "failed: $(cat said)"
expect 'installing 2 packages: libhdf5-dev libjansson-dev ...'
expect 'configuring signet ...'
expect 'compiling signet ...'
expect 'compiling 4 of 9 files' # after 12 seconds
expect 'compiling 8 of 9 files'
expect 'signet is built, in [0-9]* s'
[[ $(grep -c '^compiling [0-9]' said) == 2 ]] || die "more than a line every ten seconds: $(cat said)"

# ---- and the next time ----
build || die "failed: $(cat said)"
[[ ! -s said ]] || die "says something although nothing is to be done: $(cat said)"

# ---- an error is shown whole ----
rm "$STATE/compiled"
touch "$STATE/broken"
status=0
build || status=$?
[[ $status == 1 ]] || die "exit status $status of a failed build"
expect '\[9/9\] Compiling C object a.o'
expect 'a.c:1: error: no'
expect 'signet: the build failed'
rm "$STATE/broken"

# ---- a terminal sees one line that is redrawn ----
if command -v script >/dev/null && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    PATH="$PWD/bin:$PATH" CC='' script -qec "$root/scripts/build built" /dev/null </dev/null >said
    grep -q $'\rcompiling 1 of 9 files\rcompiling 2 of 9 files' said || die "no line redrawn: $(cat -v said)"
fi

# ---- no data, no network ----
stub curl 'exit 6'
status=0
SN_ROOT=$repository PATH="$PWD/bin:$PATH" "$train" >printed 2>said || status=$?
[[ $status == 2 && ! -s printed ]] || die "exit status $status without data: $(cat said)"
[[ $(head -n 1 said) == *'./train --dataset shapes --epochs 4'* ]] || die "the first line says not what to do: $(cat said)"
[[ $(tail -n 1 said) == *'the download failed'*'./train --dataset shapes --epochs 4' ]] || die "what failed: $(cat said)"
[[ ! -e data ]] || die 'data/ was left behind'
grep -qF -- './train --dataset shapes --epochs 4' "$repository/README.md" || die 'the README names another command'
