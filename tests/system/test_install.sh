#!/usr/bin/env bash
# What `meson install` puts where, and that it works there: the inference library by pkg-config from a
# program outside the tree, manual pages, completion.
# usage: test_install.sh TRAIN EVAL BUILD ROOT PREFIX SANITIZER
build=$(readlink -f -- "$3")
root=$4 prefix=$5 sanitizer=$6
# shellcheck source=tests/system/programs.sh
source "${0%/*}/programs.sh"
command -v pkg-config >/dev/null || exit 77 # skipped
command -v meson >/dev/null || exit 77

DESTDIR=$work/stage meson install -C "$build" --no-rebuild --quiet >/dev/null || die 'meson install failed'
there=$work/stage$prefix
installed=$(cd "$there" && find . -type f -o -type l | sed 's|^\./||' | sort)
for name in bin/signet include/signet/infer/signet.h share/man/man1/signet.1 share/man/man1/signet-train.1 \
    share/man/man1/signet-eval.1 share/bash-completion/completions/signet.bash; do
    grep -qx "$name" <<<"$installed" || die "no $name in: $installed"
done
[[ $(ls "$there/bin") == signet ]] || die "other programs are installed: $(ls "$there/bin")"
[[ $(grep -c 'include/' <<<"$installed") == 1 ]] || die "other headers are installed: $installed"

# ---- a program of somebody else ----
cat >classify.c <<'END'
#include <infer/signet.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    static unsigned char packed[1 << 20], rgb[32 * 32][3];
    static float image[3][32 * 32], logits[10], mean[3], deviation[3];
    png_image png = {.version = PNG_IMAGE_VERSION};
    sn_infer_info info;
    const sn_infer_model *model;
    size_t bytes = fread(packed, 1, sizeof packed, fopen(argv[argc - 2], "rb"));
    if (sn_infer_inspect(packed, bytes, NULL, &info) || !sn_infer_normalisation(packed, mean, deviation))
        return 1;
    png_image_begin_read_from_file(&png, argv[argc - 1]);
    png.format = PNG_FORMAT_RGB;
    png_image_finish_read(&png, NULL, rgb, 0, NULL);
    for (int i = 0; i < 3 * 32 * 32; i++)
        image[i % 3][i / 3] = (rgb[i / 3][i % 3] / 255.0f - mean[i % 3]) / deviation[i % 3];
    void *memory = aligned_alloc(64, info.model_memory), *scratch = aligned_alloc(64, info.scratch_memory);
    if (sn_infer_open(packed, bytes, NULL, memory, info.model_memory, &model) ||
        sn_infer_run(model, scratch, info.scratch_memory, NULL, image[0], logits))
        return 1;
    int best = 0;
    for (int i = 1; i < info.classes; i++)
        best = logits[i] > logits[best] ? i : best;
    printf("%d %s\n", best, sn_infer_class_name(packed, best));
    return 0;
}
END
read -ra png <<<"$(pkg-config --cflags --libs libpng)"
PKG_CONFIG_LIBDIR=$(dirname "$(find "$there" -name signet-infer.pc)")
export PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR=$work/stage
libraries=${PKG_CONFIG_LIBDIR%/pkgconfig}
[[ $(pkg-config --modversion signet-infer) == "$("$there/bin/signet" version | sed -n 's/^signet *//p')" ]] ||
    die "version: $(pkg-config --modversion signet-infer)"
read -ra flags <<<"$(pkg-config --cflags --libs signet-infer)"
read -ra compile_only <<<"$(pkg-config --cflags signet-infer)"
sanitize=()
[[ $sanitizer == none ]] || sanitize=("-fsanitize=$sanitizer")
cc -std=c11 "${sanitize[@]}" classify.c "${flags[@]}" "${png[@]}" -o shared || die 'does not link with pkg-config'
cc -std=c11 "${sanitize[@]}" "${compile_only[@]}" classify.c "$libraries/libsignet_infer.a" "${png[@]}" -lm -o static ||
    die 'does not link with the archive'
export ASAN_OPTIONS=detect_leaks=0 # it frees nothing
model=$root/models/cifar10-resnet20-signed-binary.sgn
tried=0
for picture in "$root"/models/pictures/test/*/*.png; do
    tried=$((tried + 1))
    pinned=$(sed -n "${tried}p" "${model%.sgn}.logits.csv" | cut -d, -f3)
    said=$(LD_LIBRARY_PATH=$libraries ./shared "$model" "$picture") || die "fails: $picture"
    [[ ${said% *} == "$pinned" ]] || die "$picture is $said, not $pinned"
    [[ $(./static "$model" "$picture") == "$said" ]] || die "the archive has another opinion: $picture"
done
[[ $tried == 10 ]] || die "$tried pictures"

# The shared library shows what the header declares, and needs libc and libm alone.
declared=$(sed -n 's/^[a-z].*[ *]\(sn_infer_[a-z_]*\)(.*/\1/p' "$there/include/signet/infer/signet.h" | sort)
[[ $(wc -l <<<"$declared") -ge 10 ]] || die "functions of the header: $declared"
if [[ $sanitizer == none ]] && command -v readelf >/dev/null; then
    shown=$(readelf --dyn-syms -W "$libraries/libsignet_infer.so" | awk '$4 == "FUNC" && $7 != "UND" { print $8 }' | sort)
    [[ $shown == "$declared" ]] || die "shown: $shown"
    needed=$(readelf -d "$libraries/libsignet_infer.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
    ! grep -v '^lib[cm]\.so\|^ld-' <<<"$needed" || die "needs: $needed"
fi

# What `export` writes as C compiles with the installed library, too.
"$there/bin/signet" export "$model" network.h >/dev/null || die 'signet export'
cc -std=c11 "${sanitize[@]}" network_example.c "${flags[@]}" -o example || die 'the example does not compile'
[[ $(LD_LIBRARY_PATH=$libraries ./example | wc -l) == 10 ]] || die 'the example does not run'

# ---- manual pages ----
if command -v man >/dev/null; then
    for page in "$there"/share/man/man1/*.1; do
        LC_ALL=C.UTF-8 MANWIDTH=100 man --warnings -l "$page" >page.txt 2>page.err || die "$page: $(cat page.err)"
        [[ ! -s page.err ]] || die "$page: $(cat page.err)"
        name=${page##*/}
        grep -qi "^ *${name%.1} - " page.txt || die "$page: no line with its name: $(head page.txt)"
    done
fi
if command -v mandoc >/dev/null; then
    mandoc -T lint -W error "$there"/share/man/man1/*.1 || die 'mandoc finds errors'
fi
for option in quant weight-decay resume; do
    grep -q "^.fB.-.-${option//-/.-}.fR" "$there/share/man/man1/signet-train.1" || die "signet-train.1 lacks --$option"
done

# ---- completion ----
# shellcheck disable=SC1091 # was installed just now
source "$there/share/bash-completion/completions/signet.bash"
complete -p signet >/dev/null || die 'nothing completes signet'
candidates() { # WORD...: the last one is being typed
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    _signet
    echo "${COMPREPLY[*]}"
}
expect() { # CANDIDATES WORD...
    local wanted=$1
    shift
    [[ $(candidates "$@") == "$wanted" ]] || die "$*: '$(candidates "$@")', not '$wanted'"
}
expect 'train eval export inspect version help' signet ''
expect 'eval export' signet e
expect '--weight-decay --weight-decay-latent --weight-decay-norm' signet train --weight-
expect 'fp32' signet train --quant fp
expect 'ternary ternary-b158 ternary-b158-median' signet train --quant = te
expect 'cosine linear step constant' signet train --schedule ''
expect '' signet train --out '' # files
expect 'summary plan cost config' signet inspect ''
expect '--compare-forms' signet inspect plan --comp
expect '' signet inspect plan '' # files
expect 'inspect' signet help i
