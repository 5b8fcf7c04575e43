import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { openEngine } from "../../bench/backends.ts";
import { type BenchLayer, conv } from "../../bench/layers.ts";
import { DEBIAN_PYTHON, layerOf, PyTorch, PyTorchMissing } from "../../bench/peers/pytorch.ts";
import { trainingProblemOf, VALUES } from "../../bench/training/problem.ts";
import { Trainee } from "../../bench/training/trainee.ts";
import { relativeError } from "../../src/convolution/formula.ts";

const SMALL: readonly BenchLayer[] = [
  conv("2-D", "3x3", [2, 4, 9, 7], 6, [3, 5], { stride: [2, 1], padding: [1, 3], groups: 2 }),
  conv("1-D", "1-D", [1, 3, 20], 5, 4, { dilation: 2 }),
];

const hasPyTorch = await canStart();

async function canStart(): Promise<boolean> {
  try {
    await using _ = await PyTorch.start(DEBIAN_PYTHON);
    return true;
  } catch (error) {
    if (error instanceof PyTorchMissing) return false;
    throw error;
  }
}

function problemOf(name: string) {
  const bench = SMALL.find((layer) => layer.name === name);
  if (bench === undefined) throw new RangeError(`No layer is called "${name}"`);
  return trainingProblemOf(bench);
}

Deno.test("PyTorch gets 1-D layers as images of one row", () => {
  const { kernel, stride, padding, dilation, inputShape, outputShape } = layerOf(problemOf("1-D"));
  assertEquals({ kernel, stride, padding, dilation, inputShape, outputShape }, {
    kernel: [1, 4],
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 2],
    inputShape: [1, 3, 1, 20],
    outputShape: [1, 5, 1, 14],
  });
});

Deno.test("PyTorch is not asked to pad one end alone", () => {
  const bench = conv("uneven", "3x3", [1, 1, 5, 5], 1, 2, { padding: "same" });
  assertThrows(() => layerOf(trainingProblemOf(bench)), Error, "both ends of an axis alike");
});

Deno.test("without PyTorch the error says which package has it", async () => {
  for (const python of ["/no/such/python", "true"]) {
    const { message } = await assertRejects(() => PyTorch.start(python), PyTorchMissing);
    assertStringIncludes(message, `${python} has no PyTorch (`);
    assertStringIncludes(message, "apt-get install --no-install-recommends python3-torch");
  }
});

Deno.test({
  name: "PyTorch's outputs and gradients are ours, one layer after the other",
  ignore: !hasPyTorch,
  fn: async () => {
    await using pytorch = await PyTorch.start(DEBIAN_PYTHON);
    const engine = await openEngine("wasm", 1);
    try {
      for (const bench of SMALL) {
        const problem = trainingProblemOf(bench);
        const expected = await pytorch.load(problem);
        const actual = new Trainee(problem, engine).values();
        for (const name of VALUES) {
          assert(relativeError(actual[name], expected[name]) < 1e-5, `${bench.name}: ${name}`);
        }
      }
    } finally {
      engine.close();
    }
  },
});

Deno.test({
  name: "PyTorch times itself, with any number of threads, and passes its errors on",
  ignore: !hasPyTorch,
  fn: async () => {
    await using pytorch = await PyTorch.start(DEBIAN_PYTHON);
    await assertRejects(() => pytorch.player("step", 1).turn(0, 0), Error, "attribute 'step'");
    await pytorch.load(problemOf("2-D"));
    for (const threads of [1, 2]) {
      for (const task of ["forward", "step"] as const) {
        assert(await pytorch.player(task, threads).turn(1e-3, 1e-3) > 0);
      }
    }
    await assertRejects(() => pytorch.player("step", 0).turn(0, 0), Error, "positive");
  },
});
