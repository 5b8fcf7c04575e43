"""Writes files.jsonl: small files of torch.save(), each with what PyTorch reads from it.

    /usr/bin/python3 tests/io/arrays/torch/files.py > tests/io/arrays/torch/files.jsonl
"""

import argparse
import base64
import io
import json
import os

import torch
from torch import nn

torch.manual_seed(0)


def flatten(value, path=()):
    """The tensors by name, as the reader is to call them."""
    if isinstance(value, torch.Tensor):
        yield ".".join(map(str, path)) or "tensor", value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from flatten(member, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, member in enumerate(value):
            yield from flatten(member, (*path, index))


def write(name, value, error=None, **options):
    file = io.BytesIO()
    torch.save(value, file, **options)
    line = {"name": name, "bytes": base64.b64encode(file.getvalue()).decode()}
    if error is None:
        read = torch.load(io.BytesIO(file.getvalue()))
        line["tensors"] = {
            key: {
                "shape": list(tensor.shape),
                "values": base64.b64encode(tensor.detach().float().contiguous().numpy().tobytes()).decode(),
            }
            for key, tensor in flatten(read)
        }
    else:
        line["error"] = error
    print(json.dumps(line))


network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.ConvTranspose2d(3, 1, 2))
optimizer = torch.optim.Adam(network.parameters())
network(torch.randn(2, 2, 5, 5)).sum().backward()
optimizer.step()
checkpoint = {
    "epoch": 12,
    "loss": 0.25,
    "name": "größe",
    "done": True,
    "nothing": None,
    "large": 2**40,
    "model": network.state_dict(),
    "optimizer": optimizer.state_dict(),
}
base = torch.arange(24.0)
views = {
    "base": base,
    "tail": base[20:],
    "matrix": base[4:16].view(3, 4),
    "transposed": base.view(4, 6).t(),
    "every_second": base.view(4, 6)[:, ::2],
    "expanded": base[3:4].expand(2, 5),
    "channels_last": torch.arange(48.0).view(2, 3, 2, 4).contiguous(memory_format=torch.channels_last),
    "permuted": torch.arange(120.0).view(2, 3, 4, 5).permute(3, 1, 0, 2),
}
types = {
    str(dtype).split(".")[1]: torch.tensor([0, 1, 2, 100, 127]).to(dtype)
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32,
                  torch.int16, torch.int8, torch.uint8, torch.bool)
}
extremes = {
    "float32": torch.tensor([float("inf"), -float("inf"), -0.0, 1e-45, 3.4e38]),
    "float64": torch.tensor([1e-300, 1e300, 1 / 3], dtype=torch.float64),
    "float16": torch.tensor([65504, 6e-8, -float("inf")], dtype=torch.float16),
    "bfloat16": torch.tensor([3.3e38, 1e-40, 1.01], dtype=torch.bfloat16),
    "int64": torch.tensor([2**62 + 1, -(2**63), 2**24 + 1]),
}

write("a state dict", network.state_dict())
write("a state dict in the older form", network.state_dict(), _use_new_zipfile_serialization=False)
write("a state dict by protocol 4", network.state_dict(), pickle_protocol=4)
write("a checkpoint", checkpoint)
write("a checkpoint in the older form", checkpoint, _use_new_zipfile_serialization=False)
write("views of storages", views)
write("views of storages in the older form", views, _use_new_zipfile_serialization=False)
write("all types", types)
write("all types in the older form", types, _use_new_zipfile_serialization=False)
write("extreme values", extremes)
write("a parameter", {"weight": nn.Parameter(torch.ones(2, 2)), "list": [torch.zeros(1), (torch.ones(2),)]})
write("a tensor by itself", torch.arange(6).view(2, 3))
write("empty and single tensors", {"empty": torch.zeros(0), "flat": torch.zeros(2, 0, 3), "one": torch.tensor(2.5)})
write("sizes", {"size": torch.Size([1, 2]), "x": torch.ones(1)})


class Attack:
    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def refuse(name, value, what):
    # Protocol 2 has the names of Python 2.
    old, new = what if isinstance(what, tuple) else (what, what)
    for form, options in (("", {}), (" in the older form", {"_use_new_zipfile_serialization": False}),
                          (" by protocol 4", {"pickle_protocol": 4})):
        asked = new if "pickle_protocol" in options else old
        write(name + form, value, error=f'it asks for "{asked}", which no dict of tensors needs', **options)


refuse("a call of os.system()", {"x": torch.ones(1), "y": Attack(os.system, "echo attacked")}, "posix.system")
refuse("a call of eval()", Attack(eval, "print(1)"), ("__builtin__.eval", "builtins.eval"))
refuse("a namespace", {"args": argparse.Namespace(a=1), "x": torch.ones(1)}, "argparse.Namespace")
refuse("a whole module", nn.ReLU(), "torch.nn.modules.activation.ReLU")
