import { assert, assertEquals } from "@std/assert";
import { batchNormFrom, fuseBatchNorm, type Layer, loadStateDicts, Tensor } from "../../mod.ts";
import { relativeError } from "../_arbitrary.ts";
import { CONV_TRANSPOSES, CONVS } from "./_layers.ts";

/** A layer and what PyTorch makes of it, as `torch/state.py` writes it. */
interface TorchCase {
  readonly transposed: boolean;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly groups: number;
  readonly bias: boolean;
  readonly affine: boolean;
  readonly epsilon: number;
  readonly normalised: readonly number[];
  /** The names of a state with `weight_norm`, and their shapes. */
  readonly names: Readonly<Record<"weight_g" | "weight_v", readonly number[]>>;
  /** The weight that those make. */
  readonly weight: readonly number[];
  readonly fused?: { readonly weight: readonly number[]; readonly bias: readonly number[] };
}

const FILE = new URL("torch/state.jsonl", import.meta.url);
const CASES: readonly TorchCase[] = Deno.readTextFileSync(FILE).trim().split("\n")
  .map((line) => JSON.parse(line));

const MOST_ERROR = 1e-5;

/** The numbers that the script makes. */
function numbers(shape: readonly number[], seed: number): Tensor {
  const tensor = Tensor.zeros(shape);
  tensor.data.forEach((_, i) => {
    tensor.data[i] = ((i * 7919 + seed * 104729) % 2003 - 1001) / 1024;
  });
  return tensor;
}

function assertClose(
  actual: ArrayLike<number> | undefined,
  expected: readonly number[],
  what: string,
) {
  const error = relativeError(actual ?? [], expected);
  assert(error <= MOST_ERROR, `${what} is off by ${error}`);
}

function layerOf(torch: TorchCase): Layer {
  const { transposed, inChannels, outChannels, kernelSize, stride, groups, bias } = torch;
  const rank = kernelSize.length === 1 ? 1 : kernelSize.length === 2 ? 2 : 3;
  const Kind = (transposed ? CONV_TRANSPOSES : CONVS)[rank];
  return new Kind(inChannels, outChannels, kernelSize, { stride, groups, bias });
}

Deno.test("fuseBatchNorm() computes what PyTorch's convolution and normalisation do", async () => {
  assert(CASES.length >= 50);
  for (const [index, torch] of CASES.entries()) {
    const layer = layerOf(torch);
    const channels = [torch.outChannels];
    layer.weight.data.set(numbers(layer.weight.shape, index).data);
    layer.bias?.data.set(numbers(channels, index + 1).data);
    const before = layer.stateDict();
    const variance = numbers(channels, index + 3);
    const normalization = batchNormFrom({
      "norm.running_mean": numbers(channels, index + 2),
      "norm.running_var": new Tensor(variance.data.map((x) => Math.abs(x) + 0.125), channels),
      ...(torch.affine
        ? {
          "norm.weight": numbers(channels, index + 4),
          "norm.bias": numbers(channels, index + 5),
        }
        : {}),
    }, { prefix: "norm", epsilon: torch.epsilon });
    const fused = fuseBatchNorm(layer, normalization);
    const message = `Case ${index}, ${layer}:`;
    const x = numbers([1, torch.inChannels, ...torch.kernelSize.map(() => 3)], index + 6);
    assertClose((await fused.forward(x)).data, torch.normalised, `${message} the output`);
    if (torch.fused) {
      assertClose(fused.weight.data, torch.fused.weight, `${message} the weight`);
      assertClose(fused.bias?.data, torch.fused.bias, `${message} the bias`);
    }
    assertEquals(layer.stateDict(), before);
  }
});

Deno.test("Weights of weight_norm are those of PyTorch, by either pair of names", () => {
  for (const [index, torch] of CASES.entries()) {
    const { weight_g: g, weight_v: v } = torch.names;
    const lengths = numbers(g, index + 7);
    const directions = numbers(v, index);
    const bias = torch.bias ? { "a.b.bias": Tensor.zeros([torch.outChannels]) } : {};
    const dicts = [
      { "a.b.weight_g": lengths, "a.b.weight_v": directions, ...bias },
      {
        "a.b.parametrizations.weight.original0": lengths,
        "a.b.parametrizations.weight.original1": directions,
        ...bias,
      },
    ];
    for (const dict of dicts) {
      const [one, several] = [layerOf(torch), layerOf(torch)];
      one.loadStateDict(dict, { prefix: "a.b" });
      loadStateDicts({ "a.b": several }, dict);
      assertClose(one.weight.data, torch.weight, `Case ${index}, ${one}`);
      assertEquals(several.weight.data, one.weight.data);
    }
  }
});
