#!/usr/bin/python3
"""PyTorch's side of bench/train_throughput: the same ResNets, trained for some steps on one batch of
noise that is already in memory, without loader and augmentation. Prints the median step as one line
of JSON."""
import argparse
import json
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional

WARM_UP = 3
SMALL_IMAGE = 64

# Blocks of each stage, filters of the first one, whether large images get the large stem.
ARCHITECTURES = {f"resnet{6 * n + 2}": ((n,) * 3, 16, False) for n in (3, 5, 7, 9, 18)}
ARCHITECTURES["resnet18"] = ((2, 2, 2, 2), 64, True)
ARCHITECTURES["resnet34"] = ((3, 4, 6, 3), 64, True)


def convolution(inputs, outputs, size, stride=1):
    """A convolution without bias, as batch-norm follows, and that batch-norm."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut, which is a projection where the shape changes."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = convolution(inputs, outputs, 3, stride)
        self.second = convolution(outputs, outputs, 3)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else convolution(inputs, outputs, 1, stride)

    def forward(self, x):
        y = functional.relu(self.first(x))
        return functional.relu(self.second(y) + self.shortcut(x))


class Mean(nn.Module):
    """Global average pooling."""

    def forward(self, x):
        return x.mean((2, 3))


def make_network(arch, image):
    stages, width, may_be_large = ARCHITECTURES[arch]
    if may_be_large and image > SMALL_IMAGE:
        modules = [convolution(3, width, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    else:
        modules = [convolution(3, width, 3), nn.ReLU()]
    inputs = width
    for stage, blocks in enumerate(stages):
        for block in range(blocks):
            outputs = width << stage
            modules.append(Block(inputs, outputs, 2 if stage and not block else 1))
            inputs = outputs
    classes = 1000 if image > SMALL_IMAGE else 10
    modules += [Mean(), nn.Linear(inputs, classes)]
    return nn.Sequential(*modules), classes


def make_step(options):
    """A function that makes one training step."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    layout = getattr(torch, f"{options.format}_format", None) or getattr(torch, options.format)
    network, classes = make_network(options.arch, options.image)
    network.to(memory_format=layout).train()
    shape = (options.batch, 3, options.image, options.image)
    images = torch.randn(shape).contiguous(memory_format=layout)
    labels = torch.randint(classes, (options.batch,))
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    low = options.precision == "bf16"

    def step():
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            logits = network(images)
        functional.cross_entropy(logits.float(), labels).backward()
        optimizer.step()
        return logits

    return step


def time_steps(step, wanted, limit):
    """The seconds of the steps that count: `wanted`, or as many as fit into `limit` seconds, but at
    least one after one of warm-up."""
    seconds = []
    started = latest = time.perf_counter()
    while len(seconds) < WARM_UP + wanted:
        # Kept until the next step, as loops that count hits do. Were all memory free between steps, it
        # would go back to the system and come again, which costs a tenth.
        kept = step()  # noqa: F841
        now = time.perf_counter()
        seconds.append(now - latest)
        latest = now
        if now - started > limit and len(seconds) >= 2:
            break
    else:
        return seconds[WARM_UP:]
    return seconds[min(WARM_UP, len(seconds) // 2):]


def parse_options():
    def count(text):
        if not text.isdecimal() or not int(text):
            raise argparse.ArgumentTypeError(f"'{text}' is no whole number above 0")
        return int(text)

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default="resnet20", choices=ARCHITECTURES)
    parser.add_argument("--image", type=count, default=32, help="height and width")
    parser.add_argument("--batch", type=count, default=128, help="images per step")
    parser.add_argument("--threads", type=count, default=2)
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16"))
    parser.add_argument("--format", default="channels_last", choices=("channels_last", "contiguous"))
    parser.add_argument("--steps", type=count, default=10, help="steps that count")
    parser.add_argument("--seconds", type=float, default=1e9,
                        help="ends with fewer steps after this time")
    parser.add_argument("--about", action="store_true", help="print the versions, and end")
    return parser.parse_args()


def about():
    libraries = [line.strip(" -") for line in torch.__config__.show().splitlines()]
    onednn = [line.split(" (")[0] for line in libraries if "MKL-DNN" in line or "oneDNN" in line]
    return ", ".join([f"PyTorch {torch.__version__}", *onednn[:1],
                      f"Python {sys.version.split()[0]}"])


def main():
    options = parse_options()
    if options.about:
        print(about())
        return
    seconds = time_steps(make_step(options), options.steps, options.seconds)
    median = statistics.median(seconds)
    result = {name: getattr(options, name)
              for name in ("arch", "image", "batch", "threads", "precision", "format")}
    result.update(steps=len(seconds), seconds_per_step=median,
                  images_per_second=options.batch / median)
    print(json.dumps(result))


if __name__ == "__main__":
    try:
        main()
    except (MemoryError, RuntimeError) as error:
        sys.exit(f"torch_throughput.py: {str(error).splitlines()[0] if str(error) else 'no memory'}")
