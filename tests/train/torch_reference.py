"""Writes torch_reference.jsonl: what PyTorch computes, for the tests to compare with.

    /usr/bin/python3 tests/train/torch_reference.py > tests/train/torch_reference.jsonl

Made with Debian's python3-torch 1.13.
"""

import json
import math

import torch
import torch.nn.functional as F
from torch.optim import lr_scheduler

torch.manual_seed(0)
torch.set_num_threads(1)


def rounded(tensor):
    """Nested lists of numbers with as many digits as tell float32 apart."""
    if isinstance(tensor, torch.Tensor):
        return rounded(tensor.tolist())
    if isinstance(tensor, list):
        return [rounded(element) for element in tensor]
    return float(f"{tensor:.9g}")


# Optimizers: two parameters, the second of which has no gradient in some steps.

SIZES = [19, 5]
STEPS = 20
SKIPPED = [0, 7, 8]
KEPT = [1, 2, 10, 20]
INITIAL = [torch.randn(size) for size in SIZES]
# From very small to large, since Adam divides by their size.
GRADIENTS = [
    [torch.randn(size) * 10 ** (torch.rand(size) * 4 - 3) for size in SIZES] for _ in range(STEPS)
]

OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.05}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.02, "momentum": 0.8, "maximize": True, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": [0.5, 0.9], "eps": 1e-3}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True, "betas": [0.9, 0.5]}),
    ("Adam", {"lr": 0.01, "maximize": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.5}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.2, "amsgrad": True, "betas": [0.8, 0.6]}),
    ("AdamW", {"lr": 0.01, "maximize": True, "eps": 1e-4}),
]


def train(name, options, groups):
    parameters = [values.clone().requires_grad_() for values in INITIAL]
    grouped = [{"params": [p], **group} for p, group in zip(parameters, groups)]
    optimizer = getattr(torch.optim, name)(grouped, **options)
    kept = []
    for step, gradients in enumerate(GRADIENTS):
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient.clone()
        if step in SKIPPED:
            parameters[1].grad = None
        optimizer.step()
        if step + 1 in KEPT:
            kept.append([rounded(p.detach()) for p in parameters])
    return {"name": name, "options": options, "groups": groups, "values": kept}


optimizers = [train(name, options, [{}, {}]) for name, options in OPTIMIZERS]
optimizers.append(train("SGD", {"lr": 0.1, "momentum": 0.5}, [{"lr": 0.01}, {"weight_decay": 0.3}]))
optimizers.append(train("AdamW", {"lr": 0.1}, [{"betas": [0.7, 0.8]}, {"weight_decay": 0.0}]))

# Schedules: the factor of the learning rate at every step.


def factors(make, steps=40, lr=0.5):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = make(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"] / lr)
        optimizer.step()
        scheduler.step()
    return found


schedules = [
    {"kind": "step", "options": {"stepSize": 7}, "factors": factors(lambda o: lr_scheduler.StepLR(o, 7))},
    {"kind": "step", "options": {"stepSize": 1, "gamma": 0.9},
     "factors": factors(lambda o: lr_scheduler.StepLR(o, 1, 0.9))},
    {"kind": "cosine", "options": {"steps": 40},
     "factors": factors(lambda o: lr_scheduler.CosineAnnealingLR(o, 40))},
    {"kind": "cosine", "options": {"steps": 15, "least": 0.2},
     "factors": factors(lambda o: lr_scheduler.CosineAnnealingLR(o, 15, eta_min=0.1))},
    {"kind": "linear", "options": {}, "factors": factors(lambda o: lr_scheduler.LinearLR(o))},
    {"kind": "linear", "options": {"steps": 12, "start": 1, "end": 0.25},
     "factors": factors(lambda o: lr_scheduler.LinearLR(o, 1.0, 0.25, 12))},
    {"kind": "warm-up, cosine", "options": {},
     "factors": factors(lambda o: lr_scheduler.SequentialLR(
         o, [lr_scheduler.LinearLR(o, 0.1, 1.0, 10), lr_scheduler.CosineAnnealingLR(o, 30)], [10]))},
]

# Losses with their gradients.


def loss_case(shape, make_target, **options):
    logits = (torch.randn(shape) * 4).requires_grad_()
    target = make_target(logits)
    loss = F.cross_entropy(logits, target, **options)
    if math.isnan(loss.item()):
        return {"shape": list(shape), "logits": rounded(logits.flatten()),
                "labels": rounded(target.flatten()), "options": options, "loss": None}
    loss.backward()
    return {
        "shape": list(shape),
        "logits": rounded(logits.detach().flatten()),
        "labels": rounded(target.flatten()),
        "probabilities": target.is_floating_point(),
        "options": options,
        "loss": float(f"{loss.item():.9g}"),
        "gradient": rounded(logits.grad.flatten()),
    }


def classes(count, shape):
    return lambda _: torch.randint(count, shape)


def some_ignored(count, shape, ignored):
    def make(_):
        labels = torch.randint(count, shape)
        labels.view(-1)[::3] = ignored
        return labels
    return make


def probabilities(logits):
    return torch.softmax(torch.randn(logits.shape), dim=1 if logits.dim() > 1 else 0)


def any_weights(logits):
    return torch.rand(logits.shape)


cross_entropies = [
    loss_case((6, 5), classes(5, (6,))),
    loss_case((6, 5), classes(5, (6,)), reduction="sum"),
    loss_case((6, 5), classes(5, (6,)), label_smoothing=0.1),
    loss_case((2, 3, 4), classes(3, (2, 4))),
    loss_case((2, 3, 2, 3), classes(3, (2, 2, 3)), label_smoothing=0.3),
    loss_case((7, 4), some_ignored(4, (7,), -100)),
    loss_case((7, 4), some_ignored(4, (7,), 2), ignore_index=2, label_smoothing=0.2),
    loss_case((2, 4, 5), some_ignored(4, (2, 5), 255), ignore_index=255, reduction="sum"),
    loss_case((5,), lambda _: torch.tensor(3)),
    loss_case((5, 3), probabilities),
    loss_case((5, 3), any_weights, label_smoothing=0.25),
    loss_case((2, 3, 4), probabilities, reduction="sum"),
    loss_case((2, 3, 4), any_weights),
    loss_case((5,), probabilities),
    loss_case((2, 3), lambda _: torch.tensor([-100, -100])),
]


def squares_case(shape, reduction):
    prediction = torch.randn(shape, requires_grad=True)
    target = torch.randn(shape)
    loss = F.mse_loss(prediction, target, reduction=reduction)
    loss.backward()
    return {
        "shape": list(shape),
        "prediction": rounded(prediction.detach().flatten()),
        "target": rounded(target.flatten()),
        "reduction": reduction,
        "loss": float(f"{loss.item():.9g}"),
        "gradient": rounded(prediction.grad.flatten()),
    }


squares = [squares_case((3, 4), "mean"), squares_case((2, 3, 2), "sum"), squares_case((), "mean")]

# Initial values.

SHAPES = [[4, 6], [8, 3, 5], [6, 2, 3, 3], [2, 8, 3, 1, 2]]
fans = [
    {"shape": shape, "fans": list(torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape)))}
    for shape in SHAPES
]
gains = [
    {"nonlinearity": ours, "slope": slope, "gain": torch.nn.init.calculate_gain(theirs, slope)}
    for ours, theirs, slope in [
        ("linear", "conv2d", None), ("sigmoid", "sigmoid", None), ("tanh", "tanh", None),
        ("relu", "relu", None), ("leakyRelu", "leaky_relu", None), ("leakyRelu", "leaky_relu", 0.2),
        ("selu", "selu", None),
    ]
]
diracs = [
    {"shape": shape, "groups": groups,
     "values": [int(v) for v in torch.nn.init.dirac_(torch.empty(shape), groups).flatten()]}
    for shape, groups in [([3, 3, 3], 1), ([4, 2, 2, 3], 1), ([4, 2, 3, 4], 2), ([2, 3, 1, 3, 2], 1),
                          ([6, 2, 3], 3)]
]


def random_moments(fill, shape=(400, 100, 3, 3)):
    """Bounds, mean and deviation of many values that PyTorch draws."""
    values = fill(torch.empty(shape)).double()
    return {"shape": list(shape), "low": values.min().item(), "high": values.max().item(),
            "mean": values.mean().item(), "std": values.std().item()}


init = torch.nn.init
moments = [
    {"name": "kaimingUniform", "options": {},
     **random_moments(lambda t: init.kaiming_uniform_(t))},
    {"name": "kaimingUniform", "options": {"negativeSlope": 0.5, "mode": "fanOut"},
     **random_moments(lambda t: init.kaiming_uniform_(t, a=0.5, mode="fan_out"))},
    {"name": "kaimingNormal", "options": {"nonlinearity": "relu"},
     **random_moments(lambda t: init.kaiming_normal_(t, nonlinearity="relu"))},
    {"name": "kaimingNormal", "options": {"nonlinearity": "linear", "mode": "fanOut"},
     **random_moments(lambda t: init.kaiming_normal_(t, nonlinearity="linear", mode="fan_out"))},
    {"name": "xavierUniform", "options": {"gain": 2},
     **random_moments(lambda t: init.xavier_uniform_(t, gain=2.0))},
    {"name": "xavierNormal", "options": {},
     **random_moments(lambda t: init.xavier_normal_(t))},
    {"name": "uniform", "options": {"low": -1, "high": 3},
     **random_moments(lambda t: init.uniform_(t, -1, 3))},
    {"name": "normal", "options": {"mean": 2, "std": 0.5},
     **random_moments(lambda t: init.normal_(t, 2, 0.5))},
    {"name": "truncatedNormal", "options": {},
     **random_moments(lambda t: init.trunc_normal_(t))},
    {"name": "truncatedNormal", "options": {"mean": 1, "std": 2, "low": 0.5, "high": 4},
     **random_moments(lambda t: init.trunc_normal_(t, 1, 2, 0.5, 4))},
]

# The rows that PyTorch makes of normal values: of the transposed matrix, as for fewer rows than columns.
matrix = torch.randn(5, 12, dtype=torch.float64)
q, r = torch.linalg.qr(matrix.T)
q = q * torch.diag(r).sign()
orthogonal = {"rows": rounded(matrix), "units": rounded(q.T)}

# A network: a tensor and a layer used twice, residuals before and after activations, two losses.


def parameter(*shape):
    return (torch.randn(shape) * 0.3).requires_grad_()


def network():
    weights = {
        "first": parameter(4, 3, 3, 3),
        "residual": parameter(4, 4, 3, 3),
        "up": parameter(4, 4, 3, 3),
        "down": parameter(4, 4, 3, 3),
        "head": parameter(2, 4, 1, 1),
    }
    biases = {name: parameter(2 if name == "head" else 4) for name in weights}
    w, b = weights, biases
    x = torch.randn(2, 3, 6, 6).requires_grad_()
    a = F.relu(F.conv2d(x, w["first"], b["first"], padding=1))
    shortcut = F.leaky_relu(F.conv2d(a, w["residual"], b["residual"], padding=1) + a, 0.2)
    up = F.conv_transpose2d(shortcut, w["up"], b["up"], stride=2, padding=1, output_padding=1)
    down = F.relu6(3 * F.conv2d(up, w["down"], b["down"], stride=2, padding=1))
    total = down + shortcut
    logits = F.conv2d(total, w["head"], b["head"])
    again = F.leaky_relu(F.conv2d(total, w["residual"], b["residual"], padding=1) + total, 0.2)
    shortcut.retain_grad()
    labels = torch.randint(2, (2, 6, 6))
    target = torch.randn(2, 4, 6, 6)
    loss = F.cross_entropy(logits, labels) + F.mse_loss(again, target, reduction="sum")
    loss.backward()
    tensors = {"input": x, "shortcut": shortcut}
    for name in weights:
        tensors[f"{name}.weight"] = weights[name]
        tensors[f"{name}.bias"] = biases[name]
    return {
        "tensors": {
            name: {"shape": list(t.shape), "values": rounded(t.detach().flatten()),
                   "gradient": rounded(t.grad.flatten())}
            for name, t in tensors.items()
        },
        "labels": labels.flatten().tolist(),
        "target": rounded(target.flatten()),
        "loss": float(f"{loss.item():.9g}"),
    }


sections = {
    "optimizers": {
        "initial": [rounded(values) for values in INITIAL],
        "gradients": [[rounded(g) for g in gradients] for gradients in GRADIENTS],
        "skipped": SKIPPED,
        "kept": KEPT,
        "cases": optimizers,
    },
    "schedules": schedules,
    "crossEntropies": cross_entropies,
    "squares": squares,
    "init": {"fans": fans, "gains": gains, "diracs": diracs, "moments": moments,
             "orthogonal": orthogonal},
    "network": network(),
}
for name, section in sections.items():
    print(json.dumps({name: section}, separators=(",", ":")))
