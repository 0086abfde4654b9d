#!/usr/bin/python3
"""Writes reference values for tests/golden with PyTorch, in float64; golden.md describes the file.

What is drawn are float32 numbers, so that the tests in float and those in double start from the same
inputs. Quantizers and gradients have steps. A draw that lies so near a step that rounding could take
it to the other side is drawn again, and that is said.
"""
import argparse
import math
import sys

import h5py
import torch
import torch.nn.functional as F

NEAR_OP = 1e-5  # inputs of an op or a quantizer: beyond rounding of float
NEAR_NETWORK = 1e-9  # inside a network: beyond rounding of double
BATCH, HEIGHT, WIDTH, CLASSES = 4, 18, 14, 10
STEPS = 4


class Steps:
    """Remembers the least distance to a step, relative to what is compared."""

    def __init__(self):
        self.nearest = math.inf

    def note(self, distance):
        self.nearest = min(self.nearest, distance.abs().min().item())


def draw(*shape, scale=1.0):
    return (torch.randn(*shape, dtype=torch.float32) * scale).double()


def draw_between(low, high, *shape):
    return (torch.rand(*shape, dtype=torch.float32) * (high - low) + low).double()


def draw_apart(what, near, *functions):
    """Calls each function, which notes its steps, until all lie at a distance from them."""
    for _ in range(100):
        steps = Steps()
        results = [function(steps) for function in functions]
        if steps.nearest > near:
            return results
        print(f"{what}: a draw is {steps.nearest:.1e} from a step, drawing again", file=sys.stderr)
    sys.exit(f"{what}: every draw is within {near:.0e} of a step")


# ---- the file ----


def is_float32(array):
    return array.dtype.kind == "f" and (array == array.astype("float32")).all()


def store(group, **tensors):
    """What is drawn, and whatever else is exact in float32, takes half the room."""
    for name, tensor in tensors.items():
        array = tensor.detach().numpy()
        if is_float32(array):
            array = array.astype("float32")
        packing = {"compression": "gzip", "compression_opts": 9, "shuffle": True} if array.size > 500 else {}
        group.create_dataset(name, data=array, **packing)


def attach(group, **numbers):
    for name, value in numbers.items():
        group.attrs[name] = value


# ---- ops ----


def store_op(group, function, inputs, gradients):
    """y of the named inputs, and what each gets of sum(y dy)."""
    leaves = [tensor.clone().requires_grad_() for tensor in inputs.values()]
    y = function(*leaves)
    dy = draw(*y.shape)
    y.backward(dy)
    store(group, y=y, dy=dy, **inputs, **{name: leaf.grad for name, leaf in zip(gradients, leaves)})


def conv2d(file):
    cases = {  # images, channels, height, width, filters, kernel, stride, padding
        "3x3_s1": (2, 16, 6, 8, 16, 3, 1, 1),
        "3x3_s2": (2, 8, 8, 8, 16, 3, 2, 1),
        "1x1_s2": (2, 16, 6, 8, 24, 1, 2, 0),
        "7x7_s2": (1, 3, 20, 17, 8, 7, 2, 3),
        "3x3_odd": (3, 5, 7, 5, 6, 3, 1, 1),
        "3x3_s2_odd": (2, 5, 9, 7, 6, 3, 2, 1),
    }
    for name, (images, channels, height, width, filters, kernel, stride, padding) in cases.items():
        group = file.create_group("conv2d/" + name)
        attach(group, stride=stride, padding=padding)
        inputs = {"x": draw(images, channels, height, width),
                  "w": draw(filters, channels, kernel, kernel, scale=0.2), "b": draw(filters)}
        store_op(group, lambda x, w, b: F.conv2d(x, w, b, stride, padding), inputs, ("dx", "dw", "db"))


def batch_norm(file):
    group = file.create_group("batchnorm2d")
    momentum, epsilon = 0.1, 1e-5
    attach(group, momentum=momentum, eps=epsilon)
    x = draw(4, 6, 5, 5, scale=2) + 1
    inputs = {"x": x.float().double(), "gamma": draw_between(0.5, 1.5, 6), "beta": draw(6)}
    mean, variance = draw(6), draw_between(0.5, 1.5, 6)
    store(group, running_mean_before=mean, running_var_before=variance,
          y_eval=F.batch_norm(inputs["x"], mean, variance, inputs["gamma"], inputs["beta"], False, 0, epsilon))
    mean, variance = mean.clone(), variance.clone()

    def train(x, gamma, beta):
        return F.batch_norm(x, mean, variance, gamma, beta, True, momentum, epsilon)

    store_op(group, train, inputs, ("dx", "dgamma", "dbeta"))
    group.move("y", "y_train")
    store(group, running_mean_after=mean, running_var_after=variance)


def draw_off_kinks(steps):
    """Neither near 0 or 1, nor two values so near each other that pooling could take either."""
    x = draw(2, 4, 9, 9)
    steps.note(x)
    steps.note(x.abs() - 1)
    steps.note(x.flatten().sort()[0].diff() + NEAR_OP)  # equal floats only
    return x


def elementwise(file):
    (x,) = draw_apart("relu, hardtanh, max pool", NEAR_OP, draw_off_kinks)
    functions = {
        "relu": F.relu,
        "hardtanh": F.hardtanh,
        "maxpool_3x3_s2_p1": lambda x: F.max_pool2d(x, 3, 2, 1),
        "avgpool_2x2_s2": lambda x: F.avg_pool2d(x, 2),
        "global_avgpool": lambda x: x.mean((2, 3)),
    }
    for name, function in functions.items():
        store_op(file.create_group(name), function, {"x": x}, ("dx",))
    inputs = {"x": x, "slope": draw_between(0, 0.5, 4)}
    store_op(file.create_group("prelu"), F.prelu, inputs, ("dx", "dslope"))
    inputs = {"x": draw(5, 12), "w": draw(7, 12), "b": draw(7)}
    store_op(file.create_group("linear"), F.linear, inputs, ("dx", "dw", "db"))


def losses(file):
    logits, teacher = draw(6, CLASSES, scale=3), draw(6, CLASSES, scale=3)
    labels = torch.randint(0, CLASSES, (6,))
    for name, smoothing in (("cross_entropy", 0.0), ("cross_entropy_smooth", 0.1)):
        leaf = logits.clone().requires_grad_()
        loss = F.cross_entropy(leaf, labels, label_smoothing=smoothing)
        loss.backward()
        group = file.create_group(name)
        attach(group, label_smoothing=smoothing, loss=loss.item())
        store(group, logits=logits, labels=labels, dlogits=leaf.grad)
    temperature = 4.0
    leaf = logits.clone().requires_grad_()
    wanted = F.softmax(teacher / temperature, 1)
    loss = temperature**2 * F.kl_div(F.log_softmax(leaf / temperature, 1), wanted, reduction="batchmean")
    loss.backward()
    group = file.create_group("distillation")
    attach(group, temperature=temperature, loss=loss.item())
    store(group, logits=logits, teacher=teacher, dlogits=leaf.grad)


# ---- quantizers: docs/method.md, written out for all filters at once ----


def by_filter(numbers):
    return numbers.reshape(-1, 1, 1, 1)


def filter_sum(w):
    return by_filter(w.flatten(1).sum(1))


def filter_mean(w):
    return by_filter(w.flatten(1).mean(1))


def region_signs(filters, positive_fraction):
    positive = math.floor(positive_fraction * filters + 0.5)
    return by_filter(torch.tensor([1.0] * positive + [-1.0] * (filters - positive)))


def mean_over(mask, w):
    return filter_sum(w.abs() * mask) / filter_sum(mask).clamp(min=1)


def signed_binary(w, steps, centered=False, positive_fraction=0.5, delta_ratio=0.05):
    sign = region_signs(len(w), positive_fraction)
    delta = delta_ratio * by_filter(w.abs().flatten(1).max(1)[0])
    steps.note(sign * w / delta - 1)
    mask = (sign * w >= delta).double()
    alpha = mean_over(mask, w)
    return alpha * sign * (mask - filter_mean(mask) if centered else mask), alpha, sign * delta


def signed_binary_centered(w, steps):
    return signed_binary(w, steps, centered=True)


def plus_or_minus_one(w):
    return torch.where(w >= 0, 1.0, -1.0)


def binary(w, steps):
    steps.note(w / filter_mean(w.abs()))
    alpha = filter_mean(w.abs())
    return alpha * plus_or_minus_one(w), alpha, torch.zeros_like(alpha)


def three_levels(w, delta, steps):
    steps.note(w.abs() / delta - 1)
    return (w.abs() > delta).double()


def ternary(w, steps):
    delta = 0.7 * filter_mean(w.abs())
    mask = three_levels(w, delta, steps)
    alpha = mean_over(mask, w)
    return alpha * w.sign() * mask, alpha, delta


def ternary_b158(w, steps):
    gamma = filter_mean(w.abs())
    return gamma * w.sign() * three_levels(w, gamma / 2, steps), gamma, gamma / 2


def ternary_b158_median(w, steps):
    gamma = by_filter(w.abs().flatten(1).median(1)[0])  # the lower of two
    return gamma * w.sign() * three_levels(w, gamma / 2, steps), gamma, gamma / 2


def biper(w, steps):
    steps.note(torch.sin(20 * w))
    alpha = filter_mean(torch.sin(20 * w).abs())
    return alpha * plus_or_minus_one(torch.sin(20 * w)), alpha, torch.zeros_like(alpha)


def denseshift(w, steps):
    power = torch.log2(w.abs() / by_filter(w.abs().flatten(1).max(1)[0]))
    steps.note(power - power.floor() - 0.5)
    shift = 2.0 ** power.round().clamp(-3, 0)
    alpha = filter_sum(w.abs()) / filter_sum(shift)
    return alpha * plus_or_minus_one(w) * shift, alpha, torch.zeros_like(alpha)


QUANTIZERS = {
    "signed-binary": signed_binary,
    "signed-binary-centered": signed_binary_centered,
    "binary": binary,
    "ternary": ternary,
    "ternary-b158": ternary_b158,
    "ternary-b158-median": ternary_b158_median,
    "biper": biper,
    "denseshift": denseshift,
}
ONE_STEP = ("signed-binary", "signed-binary-centered", "binary")


def ede_schedule(progress, t_min=0.1, t_max=10.0):
    t = t_min * (t_max / t_min) ** progress
    return t, max(1 / t, 1.0)


def slope_of(estimator, progress, w, alpha, center, steps):
    """The surrogate derivative dWq/dW."""
    if estimator == "ste":
        steps.note(w.abs() - 1)
        return (w.abs() <= 1).double()
    if estimator == "sine":
        return 20 * alpha * torch.cos(20 * w)
    t, k = ede_schedule(progress)
    unit = by_filter(w.flatten(1).std(1)) if estimator == "ede-standardized" else 1
    return k * t / torch.cosh(t * (w - center) / unit) ** 2


class Quantize(torch.autograd.Function):
    @staticmethod
    def forward(context, w, quantizer, estimator, progress, steps):
        weight, alpha, center = QUANTIZERS[quantizer](w, steps)
        context.save_for_backward(slope_of(estimator, progress, w, alpha, center, steps))
        return weight

    @staticmethod
    def backward(context, gradient):
        return gradient * context.saved_tensors[0], None, None, None, None


def estimators_of(quantizer):
    """Group, estimator, progress."""
    if quantizer == "biper":
        return [("sine", "sine", 0.0)]
    cases = [("ste", "ste", 0.0)]
    if quantizer in ONE_STEP:
        cases += [("ede_%02d" % (100 * p), "ede", p) for p in (0.0, 0.25, 0.5, 0.9)]
        cases += [("standardized_50", "ede-standardized", 0.5)]
    return cases


def quantizers(file):
    for shape in ((4, 16, 3, 3), (7, 5, 3, 3)):

        def try_all(steps):
            w = draw(*shape, scale=0.3)
            w[0, 0, 0, 0] = 1.7  # outside [-1, 1]
            w = w.float().double()
            steps.note(w.abs() - 1)
            for quantizer in QUANTIZERS.values():
                quantizer(w, steps)
            signed_binary(w, steps, delta_ratio=0.1)
            return w

        label = "x".join(str(size) for size in shape)
        (w,) = draw_apart("quant " + label, NEAR_OP, try_all)
        g = draw(*shape)
        shared = file.create_group("quant/" + label)
        store(shared, w=w, g=g)
        for name, quantizer in QUANTIZERS.items():
            weight, alpha, threshold = quantizer(w, Steps())
            group = shared.create_group(name)
            store(group, wq=weight, alpha=alpha.flatten(), threshold=threshold.flatten())
            for case, estimator, progress in estimators_of(name):
                leaf = w.clone().requires_grad_()
                Quantize.apply(leaf, name, estimator, progress, Steps()).backward(g)
                own = group.create_group(case)
                t, k = ede_schedule(progress)
                attach(own, progress=progress, t=t, k=k)
                store(own, dw=leaf.grad)
        for fraction in (0.0, 0.25, 1.0):
            weight, alpha, threshold = signed_binary(w, Steps(), False, fraction, 0.1)
            group = shared.create_group("signed-binary/positive_%03d_delta_010" % (100 * fraction))
            attach(group, positive_fraction=fraction, delta_ratio=0.1)
            store(group, wq=weight, alpha=alpha.flatten(), threshold=threshold.flatten())


# ---- optimizers ----


def optimizers(file):
    start, gradients = draw(50), draw(5, 50)
    cases = {
        "sgd": lambda w: torch.optim.SGD(w, 0.1, momentum=0.9, weight_decay=1e-2),
        "sgd_nesterov": lambda w: torch.optim.SGD(w, 0.1, momentum=0.9, weight_decay=1e-2, nesterov=True),
        "adam": lambda w: torch.optim.Adam(w, 0.01),
        "adamw": lambda w: torch.optim.AdamW(w, 0.01, weight_decay=0.1),
    }
    for name, create in cases.items():
        w = start.clone().requires_grad_()
        optimizer, path = create([w]), []
        for gradient in gradients:
            w.grad = gradient.clone()
            optimizer.step()
            path.append(w.detach().clone())
        store(file.create_group("optim/" + name), w0=start, grads=gradients, path=torch.stack(path))


# ---- the network: ResNet-20 (He et al. 2016, section 4.2) under torchvision's names ----


def blocks(width):
    """Name, channels in and out, stride of each of the nine blocks."""
    channels = filters = max(1, math.floor(16 * width + 0.5))
    for stage in range(3):
        for block in range(3):
            yield f"layer{stage + 1}.{block}", channels, filters, 2 if stage > 0 and block == 0 else 1
            channels = filters
        filters *= 2


def draw_state(width):
    state = {}

    def conv(name, filters, channels, kernel):
        deviation = math.sqrt(2 / (filters * kernel**2))
        state[name + ".weight"] = draw(filters, channels, kernel, kernel, scale=deviation)

    def norm(name, channels):
        state[name + ".weight"] = draw_between(0.5, 1.5, channels)
        state[name + ".bias"] = draw(channels, scale=0.2)
        state[name + ".running_mean"] = draw(channels, scale=0.2)
        state[name + ".running_var"] = draw_between(0.5, 1.5, channels)

    first = next(blocks(width))[1]
    conv("conv1", first, 3, 3)
    norm("bn1", first)
    for name, channels, filters, stride in blocks(width):
        conv(name + ".conv1", filters, channels, 3)
        norm(name + ".bn1", filters)
        conv(name + ".conv2", filters, filters, 3)
        norm(name + ".bn2", filters)
        if stride != 1 or channels != filters:
            conv(name + ".downsample.0", filters, channels, 1)
            norm(name + ".downsample.1", filters)
    bound = 1 / math.sqrt(filters)
    state["fc.weight"] = draw_between(-bound, bound, CLASSES, filters)
    state["fc.bias"] = draw_between(-bound, bound, CLASSES)
    return state


class Network:
    def __init__(self, state, width, variant, steps):
        self.state = {name: tensor.clone() for name, tensor in state.items()}
        self.trained = {name: tensor.requires_grad_() for name, tensor in self.state.items() if "running" not in name}
        self.width, self.variant, self.steps = width, variant, steps

    def relu(self, x):
        self.steps.note(x)
        return F.relu(x)

    def conv(self, name, x, stride):
        w = self.state[name + ".weight"]
        return F.conv2d(x, w, None, stride, w.shape[-1] // 2)

    def quantized(self, name, x, stride):
        quantizer, estimator, progress, center = self.variant
        if quantizer == "fp32":
            return self.conv(name, x, stride)
        if center == "activations":
            x = x - x.mean(1, keepdim=True)  # at each pixel; padding comes later and stays 0
        w = Quantize.apply(self.state[name + ".weight"], quantizer, estimator, progress, self.steps)
        return F.conv2d(x, w, None, stride, 1)

    def norm(self, name, x, training):
        return F.batch_norm(x, self.state[name + ".running_mean"], self.state[name + ".running_var"],
                            self.state[name + ".weight"], self.state[name + ".bias"], training, 0.1, 1e-5)

    def logits(self, x, training):
        x = self.relu(self.norm("bn1", self.conv("conv1", x, 1), training))
        for name, channels, filters, stride in blocks(self.width):
            y = self.relu(self.norm(name + ".bn1", self.quantized(name + ".conv1", x, stride), training))
            y = self.norm(name + ".bn2", self.quantized(name + ".conv2", y, 1), training)
            if stride != 1 or channels != filters:
                x = self.norm(name + ".downsample.1", self.conv(name + ".downsample.0", x, stride), training)
            x = self.relu(y + x)
        return F.linear(x.mean((2, 3)), self.state["fc.weight"], self.state["fc.bias"])


VARIANTS = {  # quantizer, estimator, progress, center
    "fp32": ("fp32", "ste", 0.0, "none"),
    "binary": ("binary", "ste", 0.0, "none"),
    "ternary": ("ternary", "ste", 0.0, "none"),
    "signed-binary": ("signed-binary", "ede", 0.5, "none"),
    "signed-binary-centered": ("signed-binary-centered", "ste", 0.0, "none"),
    "signed-binary-center-activations": ("signed-binary", "ede", 0.5, "activations"),
}
RECIPE = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4}


def train(network, x, labels):
    """Logits in evaluation and of the first step, gradients of the first step, losses of all."""
    evaluated = network.logits(x, False).detach()
    optimizer = torch.optim.SGD(network.trained.values(), nesterov=True, **RECIPE)
    path = []
    for step in range(STEPS):
        optimizer.zero_grad()
        logits = network.logits(x, True)
        loss = F.cross_entropy(logits, labels)
        loss.backward()
        path.append(loss.item())
        if step == 0:
            first, gradients = logits.detach(), {n: p.grad.clone() for n, p in network.trained.items()}
        optimizer.step()
    return evaluated, first, gradients, torch.tensor(path)


def networks(file, width):
    def try_all(steps):
        x, labels = draw(BATCH, 3, HEIGHT, WIDTH), torch.randint(0, CLASSES, (BATCH,))
        state = draw_state(width)
        results = {name: train(Network(state, width, variant, steps), x, labels) for name, variant in VARIANTS.items()}
        return x, labels, state, results

    ((x, labels, state, results),) = draw_apart("resnet20", NEAR_NETWORK, try_all)
    shared = file.create_group("resnet20")
    attach(shared, width=width, **RECIPE)
    store(shared, x=x, labels=labels)
    store(shared.create_group("state"), **state)
    for name, (evaluated, first, gradients, path) in results.items():
        group = shared.create_group("networks/" + name)
        quantizer, estimator, progress, center = VARIANTS[name]
        attach(group, quant=quantizer, estimator=estimator, progress=progress, center=center)
        store(group, logits_eval=evaluated, logits_train=first, losses=path)
        store(group.create_group("grad"), **gradients)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default 0)")
    parser.add_argument("--width", type=float, default=0.25, help="of ResNet-20's 16 filters (default 0.25)")
    parser.add_argument("--out", required=True, help="file to write; an old one is replaced")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(arguments.seed)
    with h5py.File(arguments.out, "w", libver=("v110", "v110")) as file:
        for make in (conv2d, batch_norm, elementwise, losses, quantizers, optimizers):
            make(file)
        networks(file, arguments.width)


if __name__ == "__main__":
    main()
