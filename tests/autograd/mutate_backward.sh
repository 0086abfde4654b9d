#!/bin/sh
# Do the tests notice a broken op? For developers; not part of the test run.
#
#     tests/autograd/mutate_backward.sh [BUILD_DIR]
#
# Copies the sources, wraps the phases of every op in ops.def (mutate_op.inc), builds the op tests
# once, and runs them with one mutation at a time: each operand's gradient with the wrong sign, a
# thousandth too large, overwritten instead of added, added instead of overwritten; the output a
# thousandth too large. Then the memory plan and the order of execution are broken in several ways.
# Prints a table and exits with 1 when a mutation survives. Takes a few minutes. The copy lives in a
# fresh directory below TMPDIR, or in BUILD_DIR, which must not exist; it is removed at the end, and
# stays for a look when the script stops early.
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
unset SN_MUTATION SN_ONLY_OP
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

# The operands that have a gradient, by their index among the op's inputs.
operands() {
    case $1 in
    shift_clamp) echo 0 1 ;;
    conv2d_* | linear) echo 0 1 2 ;;
    shift_prelu) echo 0 1 2 3 ;;  # x, before, slope, after
    batch_norm) echo 0 1 2 3 4 ;; # x, gamma, beta, residual, slope
    *) echo 0 ;;
    esac
}

program=$work/tree/src/autograd/program.c
sed -i -e "/^static void run_task(/i\\
#include \"$work/tree/tests/autograd/mutate_op.inc\"
" -e 's/task->phase->run(task->node, &graph->run, part);/run_mutated(graph, task, part);/' "$program"
if ! grep -q mutate_op.inc "$program" || ! grep -q run_mutated "$program"; then
    echo "cannot patch $program" >&2
    exit 2
fi
# Only the op that is broken needs its tests.
for name in value gradient; do
    file=$work/tree/tests/autograd/test_ops_$name.c
    sed -i '/const char \*name = sn_op_at/a\
    const char *only = getenv("SN_ONLY_OP");\
    if (only && strcmp(only, name) != 0)\
        return;' "$file"
    sed -i 's/^#include <math.h>/&\n#include <string.h>/' "$file"
    if ! grep -q SN_ONLY_OP "$file"; then
        echo "cannot patch $file" >&2
        exit 2
    fi
done

build() {
    ninja -C "$work/build" -j2 tests/autograd/test_ops_value tests/autograd/test_ops_gradient \
        tests/autograd/test_network_gradient tests/autograd/test_graph \
        tests/autograd/test_program >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        exit 2
    }
}

# Runs a test; "red" when it fails.
verdict() {
    if timeout 120 "$work/build/tests/autograd/$1" >"$work/log" 2>&1; then
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
for name in test_ops_value test_ops_gradient test_network_gradient test_graph test_program; do
    if [ "$(verdict $name)" = red ]; then
        echo "$name fails without a mutation" >&2
        exit 2
    fi
done

# One line of the table. A mutation survives when all tests stay green.
report() {
    name=$1
    shift
    line=$(printf '%-40s' "$name")
    killed=no
    for test; do
        result=$(verdict "$test")
        line="$line $(printf '%-8s' "$result")"
        if [ "$result" = red ]; then
            killed=yes
        fi
    done
    if [ "$killed" = no ]; then
        survivors=$((survivors + 1))
        line="$line survives"
    fi
    echo "$line"
}

printf '%-40s %-8s %s\n' 'mutation (op:operand:kind)' value gradient
for op in $ops; do
    SN_ONLY_OP=$op
    SN_MUTATION=$op:0:value
    export SN_ONLY_OP SN_MUTATION
    report "$SN_MUTATION" test_ops_value test_ops_gradient
    for operand in $(operands "$op"); do
        for kind in sign factor overwrite accumulate; do
            SN_MUTATION=$op:$operand:$kind
            report "$SN_MUTATION" test_ops_value test_ops_gradient
        done
    done
done
unset SN_ONLY_OP SN_MUTATION

# Reads lines of a name and a sed expression that breaks one source.
break_source() {
    source=$work/tree/src/autograd/$1
    printf '\n%-40s %-8s %-8s %s\n' "mutation of $1" program graph network
    cp "$source" "$work/original.c"
    while IFS='|' read -r name expression; do
        sed "$expression" "$work/original.c" >"$source"
        if cmp -s "$source" "$work/original.c"; then
            echo "'$expression' changes nothing" >&2
            exit 2
        fi
        build
        report "$name" test_program test_graph test_network_gradient
    done
    cp "$work/original.c" "$source"
}

break_source memory_plan.c <<'END'
input values end with forward|s/if (node->saves\[k\])/if (node->saves[k] \&\& k == SN_OUTPUT)/
output values end with forward|s/if (node->saves\[k\])/if (node->saves[k] \&\& k != SN_OUTPUT)/
values start when they are read|/static void use_forward/,/^}/s/if (touches(task, k)/if (k != SN_OUTPUT \&\& touches(task, k)/
values end where they are made|/static void use_forward/,/^}/s/if (touches(task, k)/if (k == SN_OUTPUT \&\& touches(task, k)/
gradients end where they are made|/static void use_backward/,/^}/s/if (!touches(task, k))/if (k == SN_OUTPUT || !touches(task, k))/
gradients start where they are read|/static void use_backward/,/^}/s/if (!task->phase->leaves\[k\])/if (k == SN_OUTPUT \&\& !task->phase->leaves[k])/
nothing is left alone|s/!task->phase->leaves\[k\]/true/
kept values are not kept|s/if (tensor->keep)/if (0)/
inputs are not there from the start|/if (tensor->is_input)$/{n;s/, 0, SN/, end, SN/;}
input gradients end early|s/if (tensor->is_input && tensor->wants_gradient)/if (0)/
saved ends with forward|/static void use_backward/,/^}/s/use(&own->saved, .*);/;/
saved starts with backward|/static void use_forward/,/^}/s/use(&own->saved, .*);/;/
forward sums last for one phase|s/use(&own->forward_sums, moment, task->kind);/own->forward_sums = (span){moment, moment, false};/
backward sums last for one phase|s/use(&own->backward_sums, moment, task->kind);/own->backward_sums = (span){moment, moment, false};/
scratch is anywhere|/forward_scratch_size, forward->first/s/forward->first, forward->last/0, 0/
backward scratch is anywhere|/backward_scratch_size, backward->first/s/backward->first, backward->last/0, 0/
everything is by image|s/s->by_image = s->by_image && kind == SN_PHASE_IMAGES;/;/
nothing is by image|s/s->by_image = s->by_image && kind == SN_PHASE_IMAGES;/s->by_image = false;/
places outlive their step|s/s->by_image && s->last <= p.last/s->by_image/
what is shared goes by tasks|s/return (period){first, first + (long)step->task_count - 1, step->slice};/(void)first; return (period){moment, moment, step->slice};/
places are for one image|s/add_buffer(&b->own, p.slice \* row/add_buffer(\&b->own, row/
late tasks touch nothing|s/return sn_node_has_weight(node, k);/return false;/
threads have one place|s/storage->place_size = b->own.size;/storage->place_size = 1;/
gradients are never added|s/node->add\[k\] = .*;/node->add[k] = input->is_parameter;/
gradients are always added|s/node->add\[k\] = .*;/node->add[k] = true;/
parameters are overwritten|s/input->is_parameter || input->gradient;/input->gradient;/
END

break_source program.c <<'END'
late ones do not wait for their sums|s/postpone(b, node, p);/add_task(b, node, p, SN_PHASE_LATE);/
late levels are ignored|s/task.level = b->late\[i\].level + 1;/;/
early levels are ignored|s/const size_t below = early_level(input->producer) + 1;/const size_t below = 0;/
weights are always early|/static bool is_early/,/^}/s/return false;/return true;/
weights are always late|/static bool is_late/,/^}/s/return false;/return true;/
activations may be early weights|/static bool is_early/,/^}/s/input->is_activation ||//
late ones share a gradient|/static bool share_gradient/,/^}/s/return true;/return false;/
others do not wait for late ones|s/^        add_late_before(b, node);/        (void)add_late_before;/
weights are made in the same step|/static bool step_makes_weights/,/^}/s/return true;/return false;/
steps over other images go on|s/images != images ||/images == 0 ||/
no slice is the first|s/\.is_start = true/.is_start = false/
every slice is the first|s/part.is_start = false;/;/
slices are one image too long|s/part.first + step->slice : end;/part.first + step->slice + 1 : end;/
slices leave one image out|s/part.first = part.last;/part.first = part.last + 1;/
the last slice is left out|s/} while (part.first < end);/} while (part.first + step->slice < end);/
threads without images do nothing|s/^    do {/    if (part.first < end) do {/
slices are as large as can be|s/step->slice = images ? budget \/ images : most;/step->slice = most + 0 * budget;/
slices are larger than a thread's share|s/if (step->slice > most)/if (0)/
phases of the other mode run, too|s/return phase->mode == SN_ALWAYS .*/(void)graph; return phase != NULL;/
END

printf '\nsurvivors: %d\n' "$survivors"
rm -r "$work"
[ "$survivors" -eq 0 ]
