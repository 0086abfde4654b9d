#!/usr/bin/python3
"""PyTorch's side of bench/infer: a whole ResNet in fp32, image in to logits out, in the fastest of
three ways to run it. Prints the median time as one line of JSON; or, with --serve, answers every line
on standard input with the seconds of one run."""
import argparse
import json
import statistics
import sys
import time

import torch

from torch_throughput import ARCHITECTURES, make_network

WARM_UP = 3
TRIALS = 10


def contiguous(network, images):
    return network, images


def channels_last(network, images):
    return (network.to(memory_format=torch.channels_last),
            images.contiguous(memory_format=torch.channels_last))


def frozen(network, images):
    """Batch-norm folded, and convolutions in oneDNN's own formats."""
    script = torch.jit.trace(network, images)
    return torch.jit.optimize_for_inference(torch.jit.freeze(script)), images


WAYS = {"contiguous": contiguous, "channels_last": channels_last, "frozen": frozen}


def time_once(network, images):
    start = time.perf_counter()
    network(images)
    return time.perf_counter() - start


def time_many(network, images, count):
    for _ in range(WARM_UP):
        network(images)
    return [time_once(network, images) for _ in range(count)]


def prepare(options):
    """The medians of all ways, and the fastest one's name, network and images."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    medians, ready = {}, {}
    for name, way in WAYS.items():
        network, _ = make_network(options.arch, options.image)
        ready[name] = way(network.eval(), torch.randn(options.batch, 3, options.image,
                                                      options.image))
        medians[name] = statistics.median(time_many(*ready[name], TRIALS))
    best = min(medians, key=medians.get)
    return medians, best, ready[best]


def serve(network, images):
    for _ in sys.stdin:
        print(time_once(network, images), flush=True)


def parse_options():
    def count(text):
        if not text.isdecimal() or not int(text):
            raise argparse.ArgumentTypeError(f"'{text}' is no whole number above 0")
        return int(text)

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default="resnet20", choices=ARCHITECTURES)
    parser.add_argument("--image", type=count,
                        help="height and width (default: 224 for resnet18 and 34, otherwise 32)")
    parser.add_argument("--batch", type=count, default=1)
    parser.add_argument("--threads", type=count, default=1)
    parser.add_argument("--runs", type=count, default=100)
    parser.add_argument("--serve", action="store_true", help="answer lines with seconds")
    options = parser.parse_args()
    options.image = options.image or (224 if ARCHITECTURES[options.arch][2] else 32)
    return options


def main():
    options = parse_options()
    with torch.no_grad():
        medians, best, fastest = prepare(options)
        if options.serve:
            serve(*fastest)
            return
        seconds = time_many(*fastest, options.runs)
    result = {name: getattr(options, name) for name in ("arch", "image", "batch", "threads")}
    result.update(way=best, us_median=1e6 * statistics.median(seconds), us_min=1e6 * min(seconds),
                  us_by_way={name: 1e6 * median for name, median in medians.items()},
                  torch=torch.__version__)
    print(json.dumps(result))


if __name__ == "__main__":
    try:
        main()
    except (MemoryError, RuntimeError) as error:
        sys.exit(f"torch_infer.py: {str(error).splitlines()[0] if str(error) else 'no memory'}")
