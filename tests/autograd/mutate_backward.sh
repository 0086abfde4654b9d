#!/bin/sh
# Do the tests notice a broken op? For developers; not part of the test run.
#
#     tests/autograd/mutate_backward.sh [BUILD_DIR]
#
# Copies the sources, wraps forward and backward of every op in ops.def (mutate_op.inc), builds the
# op tests once, and runs them with one mutation at a time: each operand's gradient with the wrong
# sign, a thousandth too large, overwritten instead of added, added instead of overwritten; the
# output a thousandth too large. Then memory planning is broken in several ways. Prints a table and
# exits with 1 when a mutation survives. Takes five to ten minutes. The copy lives in a fresh directory
# below TMPDIR, or in BUILD_DIR, which must not exist;
# it is removed at the end, and stays for a look when the script stops early.
set -eu

source_root=$(cd "$(dirname "$0")/../.." && pwd)
if [ $# -gt 0 ]; then
    work=$1
    mkdir "$work"
else
    work=$(mktemp -d)
fi
mkdir "$work/tree"
export OMP_WAIT_POLICY=passive CK_VERBOSITY=silent
unset SN_MUTATION
survivors=0

cp -R "$source_root/src" "$work/tree/"
mkdir "$work/tree/tests"
cp -R "$source_root/tests/autograd" "$work/tree/tests/"
cp "$source_root/tests/suites.h" "$work/tree/tests/"
# Only the libraries that the op tests link.
cp "$source_root/meson_options.txt" "$work/tree/"
# The programs, what they link and the comment above them do not come along.
grep -vE "^subdir\(|executable\(|^# In the root" "$source_root/meson.build" >"$work/tree/meson.build"
for directory in src/base src/autograd tests/autograd; do
    echo "subdir('$directory')" >>"$work/tree/meson.build"
done

ops=$(sed -n 's/^SN_OP(\(.*\))$/\1/p' "$source_root/src/autograd/ops.def")

# The number of operands that have a gradient.
operands() {
    case $1 in
    add | prelu) echo 2 ;;
    batch_norm | conv2d | linear) echo 3 ;;
    *) echo 1 ;;
    esac
}

for op in $ops; do
    file=$work/tree/src/autograd/$op.c
    # Before the op's table: the wrappers; in it: their names.
    sed -i -e "/^const sn_op sn_op_$op = {/i\\
#define MUTATED_NAME \"$op\"\\
#define MUTATED_FORWARD ${op}_forward\\
#define MUTATED_BACKWARD ${op}_backward\\
#include \"$work/tree/tests/autograd/mutate_op.inc\"" \
        -e "s/\.forward = ${op}_forward,/.forward = mutated_forward,/" \
        -e "s/\.backward = ${op}_backward,/.backward = mutated_backward,/" "$file"
    if ! grep -q 'backward = mutated_backward' "$file" || ! grep -q MUTATED_NAME "$file"; then
        echo "cannot patch $file" >&2
        exit 2
    fi
done

build() {
    ninja -C "$work/build" -j2 tests/autograd/test_ops_value tests/autograd/test_ops_gradient \
        tests/autograd/test_network_gradient tests/autograd/test_graph >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        exit 2
    }
}

# Runs a test; "red" when it fails.
verdict() {
    if timeout 300 "$work/build/tests/autograd/$1" >"$work/log" 2>&1; then
        echo green
    else
        echo red
    fi
}

meson setup "$work/build" "$work/tree" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 2
}
build
for name in test_ops_value test_ops_gradient test_network_gradient test_graph; do
    if [ "$(verdict $name)" = red ]; then
        echo "$name fails without a mutation" >&2
        exit 2
    fi
done

# One line of the table. A mutation survives when both tests stay green.
report() {
    printf '%-36s %-8s %s\n' "$1" "$2" "$3"
    if [ "$2" != red ] && [ "$3" != red ]; then
        survivors=$((survivors + 1))
    fi
}

printf '%-36s %-8s %s\n' 'mutation (op:operand:kind)' value gradient
for op in $ops; do
    SN_MUTATION=$op:0:value
    export SN_MUTATION
    report "$SN_MUTATION" "$(verdict test_ops_value)" "$(verdict test_ops_gradient)"
    operand=0
    while [ "$operand" -lt "$(operands "$op")" ]; do
        for kind in sign factor overwrite accumulate; do
            SN_MUTATION=$op:$operand:$kind
            report "$SN_MUTATION" "$(verdict test_ops_value)" "$(verdict test_ops_gradient)"
        done
        operand=$((operand + 1))
    done
done
unset SN_MUTATION

# Memory planning: a name and a sed expression that breaks plan.c.
printf '\n%-36s %-8s %s\n' 'mutation of plan.c' graph network
plan=$work/tree/src/autograd/plan.c
cp "$plan" "$work/plan.c"
while IFS='|' read -r name expression; do
    sed "$expression" "$work/plan.c" >"$plan"
    if cmp -s "$plan" "$work/plan.c"; then
        echo "'$expression' changes nothing" >&2
        exit 2
    fi
    build
    report "$name" "$(verdict test_graph)" "$(verdict test_network_gradient)"
done <<'END'
input values end with forward|s/backward_reads & SN_READS_INPUT(k)/backward_reads \& 0/
output values end with forward|s/backward_reads & SN_READS_OUTPUT/backward_reads \& 0/
saved data end with forward|s/goes_back ? backward : forward, &node->saved/forward, \&node->saved/
gradients start with first consumer|s/s.gradient_first = backward;/if (s.gradient_first == n) s.gradient_first = backward;/
gradients end one moment early|s/s.gradient_last = backward;/s.gradient_last = backward - 1;/
kept values are not kept|s/if (tensor->keep)/if (0)/
gradients are never added|s/node->add\[k\] = .*;/node->add[k] = input->is_parameter;/
gradients are always added|s/node->add\[k\] = .*;/node->add[k] = true;/
parameters are overwritten|s/input->is_parameter || input->gradient;/input->gradient;/
END

printf '\nsurvivors: %d\n' "$survivors"
rm -r "$work"
[ "$survivors" -eq 0 ]
