import { assert, assertEquals } from "@std/assert";
import {
  convBiasGrad,
  convInputGrad,
  convInputGradSync,
  convTransposeInputGrad,
  convTransposeInputGradSync,
  convTransposeWeightGrad,
  convTransposeWeightGradSync,
  convWeightGrad,
  convWeightGradSync,
  type PaddingMode,
  Tensor,
} from "../../mod.ts";
import { relativeError } from "../_arbitrary.ts";
import { CONV_TRANSPOSES, CONVS } from "./_layers.ts";

/** A layer and what PyTorch makes of it, as `torch/gradients.py` writes it. */
interface TorchCase {
  readonly transposed: boolean;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly inputShape: readonly number[];
  readonly options: {
    readonly stride: readonly number[];
    readonly padding: readonly number[];
    readonly dilation: readonly number[];
    readonly groups: number;
    readonly outputPadding?: readonly number[];
    readonly paddingMode?: PaddingMode;
  };
  readonly outputShape: readonly number[];
  readonly input: readonly number[];
  readonly weight: readonly number[];
  readonly bias: readonly number[];
}

const FILE = new URL("torch/gradients.jsonl", import.meta.url);
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

function assertClose(actual: Tensor | null | undefined, expected: readonly number[], what: string) {
  const error = relativeError(actual?.data ?? [], expected);
  assert(error <= MOST_ERROR, `${what} is off by ${error}`);
}

/** The layer of a case. */
function layerOf({ transposed, inChannels, outChannels, kernelSize, options }: TorchCase) {
  const rank = kernelSize.length === 1 ? 1 : kernelSize.length === 2 ? 2 : 3;
  return transposed
    ? new CONV_TRANSPOSES[rank](inChannels, outChannels, kernelSize, options)
    : new CONVS[rank](inChannels, outChannels, kernelSize, options);
}

Deno.test("Gradients are PyTorch's, by layers and by functions", async () => {
  assert(CASES.length >= 100);
  for (const [index, torch] of CASES.entries()) {
    const { transposed, inputShape, outputShape, options } = torch;
    const layer = layerOf(torch);
    layer.weight.data.set(numbers(layer.weight.shape, index + 1).data);
    const weight = new Tensor(layer.weight.data, layer.weight.shape);
    const [input, gradient] = [numbers(inputShape, index), numbers(outputShape, index + 3)];
    assertEquals(layer.outputShape(inputShape), outputShape);
    const message = `Case ${index}, ${layer}, of`;
    assertClose(await layer.backward(input, gradient), torch.input, `${message} the input`);
    assertClose(layer.weight.grad, torch.weight, `${message} the weight`);
    assertClose(layer.bias?.grad, torch.bias, `${message} the bias`);
    const { outputPadding: _, ...others } = options;
    const gradients = transposed
      ? [
        await convTransposeInputGrad(inputShape, weight, gradient, others),
        convTransposeInputGradSync(inputShape, weight, gradient, others),
        await convTransposeWeightGrad(input, weight.shape, gradient, others),
        convTransposeWeightGradSync(input, weight.shape, gradient, others),
      ]
      : [
        await convInputGrad(inputShape, weight, gradient, others),
        convInputGradSync(inputShape, weight, gradient, others),
        await convWeightGrad(input, weight.shape, gradient, others),
        convWeightGradSync(input, weight.shape, gradient, others),
      ];
    const expected = [torch.input, torch.input, torch.weight, torch.weight];
    gradients.forEach((each, i) =>
      assertClose(each, expected[i] ?? [], `${message} function ${i}`)
    );
    const rank = weight.shape.length - 2;
    const bias = convBiasGrad(gradient, rank === 1 ? 1 : rank === 2 ? 2 : 3);
    assertClose(bias, torch.bias, `${message} the bias, by a function,`);
  }
});
