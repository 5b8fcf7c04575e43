"""What torch.nn.Unfold and torch.nn.Fold make of images, with their gradients, for unfold_test.ts.

All numbers are multiples of 1/1024 and small enough to be exact; they are written as how many of them.

Debian: apt-get install --no-install-recommends python3-torch; /usr/bin/python3 unfold.py > unfold.jsonl
"""

import json
import random

import torch


def tensor(shape, seed):
    """The same numbers that the test makes: between -1 and 1."""
    count = 1
    for size in shape:
        count *= size
    values = [((i * 7919 + seed * 104729) % 2003 - 1001) / 1024 for i in range(count)]
    return torch.tensor(values, dtype=torch.float32).reshape(shape)


def counted(tensor):
    return [int(value * 1024) for value in tensor.flatten().tolist()]


def draw(index):
    choose = random.Random(index)
    kernel = [choose.choice([1, 2, 3, 3, 4]) for _ in range(2)]
    stride = [choose.choice([1, 1, 2, 3, 5]) for _ in range(2)]
    dilation = [choose.choice([1, 1, 2, 3]) for _ in range(2)]
    padding = [choose.choice([0, 0, 1, 2]) for _ in range(2)]
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    spatial = [choose.choice([3, 4, 5, 7, 9]) for _ in range(2)]
    spatial = [max(n, e - 2 * p) for n, e, p in zip(spatial, extent, padding)]
    batch = choose.choice([[], [0], [1], [2]])
    shape = batch + [choose.choice([1, 2, 3])] + spatial
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    return {"kernelSize": kernel, "options": options, "inputShape": shape}


def compute(index, case):
    options = {"kernel_size": case["kernelSize"], **case["options"]}
    image = tensor(case["inputShape"], index).requires_grad_()
    blocks = torch.nn.Unfold(**options)(image)
    gradient = tensor(list(blocks.shape), index + 1)
    blocks.backward(gradient)
    given = tensor(list(blocks.shape), index + 2).requires_grad_()
    folded = torch.nn.Fold(output_size=case["inputShape"][-2:], **options)(given)
    folded.backward(tensor(list(folded.shape), index + 3))
    return {
        **case,
        "outputShape": list(blocks.shape),
        "unfolded": counted(blocks),
        "unfoldGradient": counted(image.grad),
        "folded": counted(folded),
        "foldGradient": counted(given.grad),
    }


for index in range(60):
    print(json.dumps(compute(index, draw(index)), separators=(",", ":")))
