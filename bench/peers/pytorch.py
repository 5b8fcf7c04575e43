"""Trains a layer of PyTorch as it is told: a line of JSON in, a line of JSON out."""

import base64
import ctypes
import json
import sys
from statistics import median
from time import perf_counter

try:
    import torch
except ImportError as error:
    print(json.dumps({"error": str(error)}), flush=True)
    sys.exit(1)


def decode(text, shape):
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.float32).reshape(shape)


def encode(tensor):
    tensor = tensor.detach().contiguous()
    return base64.b64encode(ctypes.string_at(tensor.data_ptr(), 4 * tensor.numel())).decode()


class Training:
    def __init__(self, request):
        self.layer = torch.nn.Conv2d(
            request["inChannels"],
            request["outChannels"],
            request["kernel"],
            stride=request["stride"],
            padding=request["padding"],
            dilation=request["dilation"],
            groups=request["groups"],
        )
        with torch.no_grad():
            self.layer.weight.copy_(decode(request["weight"], self.layer.weight.shape))
            self.layer.bias.copy_(decode(request["bias"], self.layer.bias.shape))
        self.input = decode(request["input"], request["inputShape"]).requires_grad_()
        self.gradient = decode(request["gradient"], request["outputShape"])

    def forward(self):
        with torch.no_grad():
            return self.layer(self.input)

    def step(self):
        self.layer.zero_grad(set_to_none=True)
        self.input.grad = None
        output = self.layer(self.input)
        output.backward(self.gradient)
        return output

    def values(self):
        tensors = {"output": self.step(), "input": self.input.grad}
        tensors["weight"] = self.layer.weight.grad
        tensors["bias"] = self.layer.bias.grad
        return {name: encode(tensor) for name, tensor in tensors.items()}


def call_for(call, seconds, least_calls):
    times = []
    begin = perf_counter()
    while len(times) < least_calls or perf_counter() - begin < seconds:
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return times


def main():
    training = None
    print(json.dumps({"version": torch.__version__}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            torch.set_num_threads(request["threads"])
            if request["what"] == "load":
                training = Training(request)
                answer = training.values()
            else:
                call = getattr(training, request["what"])
                call_for(call, request["leadIn"], 0)
                answer = {"seconds": median(call_for(call, request["seconds"], 1))}
        except Exception as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


main()
