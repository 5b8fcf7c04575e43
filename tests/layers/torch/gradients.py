"""Gradients of convolutions as PyTorch computes them, in double precision, for backward_torch_test.ts.

Debian: apt-get install --no-install-recommends python3-torch; /usr/bin/python3 gradients.py > gradients.jsonl
"""

import json
import random

import torch


def numbers(count, seed):
    """The same numbers that the test makes: thousandths between -1 and 1."""
    return [((i * 7919 + seed * 104729) % 2003 - 1001) / 1024 for i in range(count)]


def tensor(shape, seed):
    count = 1
    for size in shape:
        count *= size
    return torch.tensor(numbers(count, seed), dtype=torch.float64).reshape(shape)


def rounded(tensor):
    return [float(f"{value:.7g}") for value in tensor.flatten().tolist()]


def draw(index):
    choose = random.Random(index)
    rank = choose.choice([1, 2, 2, 3])
    transposed = index % 2 == 1
    groups = choose.choice([1, 1, 2, 3])
    in_channels = groups * choose.choice([1, 2])
    out_channels = groups * choose.choice([1, 2, 3])
    kernel = [choose.choice([1, 2, 3, 3, 4]) for _ in range(rank)]
    stride = [choose.choice([1, 1, 2, 3]) for _ in range(rank)]
    dilation = [choose.choice([1, 1, 2]) for _ in range(rank)]
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    mode = "zeros" if transposed else choose.choice(["zeros", "zeros", "reflect", "replicate", "circular"])
    spatial = [choose.choice([2, 3, 5] if rank == 3 else [3, 4, 5, 7]) for _ in range(rank)]
    if transposed:
        full = [(n - 1) * s + e for n, s, e in zip(spatial, stride, extent)]
        padding = [choose.randint(0, min(2, (f - 1) // 2)) for f in full]
        output_padding = [choose.randint(0, max(s, d) - 1) for s, d in zip(stride, dilation)]
    else:
        most = [n - 1 if mode == "reflect" else n for n in spatial]
        padding = [choose.randint(0, min(2, m)) for m in most]
        spatial = [max(n, e - 2 * p) for n, e, p in zip(spatial, extent, padding)]
        output_padding = [0] * rank
    batch = choose.choice([1, 2, 3])
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if transposed:
        options["outputPadding"] = output_padding
    else:
        options["paddingMode"] = mode
    return {
        "transposed": transposed,
        "inChannels": in_channels,
        "outChannels": out_channels,
        "kernelSize": kernel,
        "inputShape": [batch, in_channels, *spatial],
        "options": options,
    }


def gradients(case, index):
    rank = len(case["kernelSize"])
    kinds = [torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d]
    transposed_kinds = [torch.nn.ConvTranspose1d, torch.nn.ConvTranspose2d, torch.nn.ConvTranspose3d]
    kind = (transposed_kinds if case["transposed"] else kinds)[rank - 1]
    names = {"outputPadding": "output_padding", "paddingMode": "padding_mode"}
    options = {names.get(name, name): value for name, value in case["options"].items()}
    layer = kind(case["inChannels"], case["outChannels"], case["kernelSize"], **options).double()
    with torch.no_grad():
        layer.weight.copy_(tensor(list(layer.weight.shape), index + 1))
        layer.bias.copy_(tensor(list(layer.bias.shape), index + 2))
    x = tensor(case["inputShape"], index).requires_grad_()
    y = layer(x)
    y.backward(tensor(list(y.shape), index + 3))
    return {
        "outputShape": list(y.shape),
        "input": rounded(x.grad),
        "weight": rounded(layer.weight.grad),
        "bias": rounded(layer.bias.grad),
    }


for index in range(120):
    case = draw(index)
    print(json.dumps({**case, **gradients(case, index)}, separators=(",", ":")))
