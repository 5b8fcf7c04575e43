"""Batch normalisations after convolutions, folded, and weights of weight_norm as PyTorch computes them, in double
precision, for state_torch_test.ts.

Debian: apt-get install --no-install-recommends python3-torch; /usr/bin/python3 state.py > state.jsonl
"""

import json
import random

import torch
from torch.nn.utils import fuse_conv_bn_eval, weight_norm


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
    groups = choose.choice([1, 1, 2, 3])
    return {
        "transposed": index % 2 == 1,
        "inChannels": groups * choose.choice([1, 2, 3]),
        "outChannels": groups * choose.choice([1, 2, 3]),
        "kernelSize": [choose.choice([1, 2, 3]) for _ in range(rank)],
        "stride": [choose.choice([1, 2]) for _ in range(rank)],
        "groups": groups,
        "bias": choose.choice([True, False]),
        "affine": choose.choice([True, True, False]),
        "epsilon": choose.choice([1e-5, 1e-3]),
        # The axis of the lengths of weight_norm; null for one length.
        "dim": choose.choice([0, 0, 1, rank + 1, None]),
    }


def layer_of(case, index):
    rank = len(case["kernelSize"])
    kinds = [torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d]
    transposed_kinds = [torch.nn.ConvTranspose1d, torch.nn.ConvTranspose2d, torch.nn.ConvTranspose3d]
    kind = (transposed_kinds if case["transposed"] else kinds)[rank - 1]
    options = {name: case[name] for name in ("stride", "groups", "bias")}
    layer = kind(case["inChannels"], case["outChannels"], case["kernelSize"], **options).double()
    with torch.no_grad():
        layer.weight.copy_(tensor(list(layer.weight.shape), index))
        if case["bias"]:
            layer.bias.copy_(tensor(list(layer.bias.shape), index + 1))
    return layer.eval()


def norm_of(case, index):
    kinds = [torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d]
    channels = case["outChannels"]
    kind = kinds[len(case["kernelSize"]) - 1]
    norm = kind(channels, eps=case["epsilon"], affine=case["affine"]).double()
    with torch.no_grad():
        norm.running_mean.copy_(tensor([channels], index + 2))
        norm.running_var.copy_(tensor([channels], index + 3).abs() + 0.125)
        if case["affine"]:
            norm.weight.copy_(tensor([channels], index + 4))
            norm.bias.copy_(tensor([channels], index + 5))
    return norm.eval()


def values(case, index):
    layer, norm = layer_of(case, index), norm_of(case, index)
    x = tensor([1, case["inChannels"], *[3 for _ in case["kernelSize"]]], index + 6)
    result = {"normalised": rounded(norm(layer(x))), "names": {}}
    # What PyTorch 1.13 folds into a transposed layer is right without groups only.
    if not case["transposed"] or case["groups"] == 1:
        fused = fuse_conv_bn_eval(layer, norm, transpose=case["transposed"])
        result["fused"] = {"weight": rounded(fused.weight), "bias": rounded(fused.bias)}
    weighted = weight_norm(layer_of(case, index), dim=case["dim"])
    with torch.no_grad():
        weighted.weight_g.copy_(tensor(list(weighted.weight_g.shape), index + 7))
    weighted(x)
    result["names"] = {name: list(value.shape) for name, value in weighted.state_dict().items()}
    result["weight"] = rounded(weighted.weight)
    return result


for index in range(50):
    case = draw(index)
    print(json.dumps({**case, **values(case, index)}, separators=(",", ":")))
