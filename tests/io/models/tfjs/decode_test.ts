import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { decodeNamed, FileError } from "../../../../src/io/files.ts";
import { decodeTfjs, readTfjs } from "../../../../src/io/models/tfjs/decode.ts";
import type { OnnxModel } from "../../../../src/io/models/onnx/model.ts";
import { networkOf } from "../../../../src/network/network.ts";
import { Tensor } from "../../../../src/tensor/tensor.ts";
import { TestFolder } from "../../../_folder.ts";
import { predictWithTensorFlow } from "../../../_tensorflow.ts";
import { change, changes } from "../../_mutate.ts";
import {
  bytesOf,
  CONVOLUTION,
  countingBytes,
  input,
  layer,
  type LayerJson,
  modelOf,
  taking,
  weight,
  type WeightJson,
} from "./_model.ts";

function decode(json: unknown, weights: readonly WeightJson[]): OnnxModel {
  return decodeTfjs(bytesOf(json)).network(new Map([["a.bin", countingBytes(weights)]]));
}

/** Layers of every kind and setting that is read. */
const LAYERS: readonly LayerJson[] = [
  input(),
  layer("Conv2D", "a", { ...CONVOLUTION, activation: "tanh" }, "in"),
  layer("Conv2D", "b", { ...CONVOLUTION, kernel_size: [2, 4], dilation_rate: [1, 2] }, "a"),
  layer("Activation", "c", { activation: "sigmoid" }, "b"),
  layer("Concatenate", "d", { axis: -1 }, "c", "a", "in"),
  layer("Conv2D", "e", { ...CONVOLUTION, filters: 4, groups: 4, use_bias: false }, "d"),
  layer("Activation", "f", { activation: "relu" }, "e"),
  layer("Add", "g", {}, "e", "f", "e"),
  layer("Activation", "h", { activation: "linear" }, "g"),
  layer("UpSampling2D", "i", {
    size: [2, 3],
    data_format: "channels_last",
    interpolation: "nearest",
  }, "h"),
  layer(
    "Conv2D",
    "j",
    { ...CONVOLUTION, padding: "valid", strides: [2, 1], activation: "relu" },
    "i",
  ),
];

const WEIGHTS: readonly WeightJson[] = [
  weight("a/kernel", 3, 3, 2, 3),
  weight("a/bias", 3),
  weight("b/bias", 3),
  weight("b/kernel", 2, 4, 3, 3),
  weight("e/kernel", 3, 3, 2, 4),
  weight("j/kernel", 3, 3, 4, 3),
  weight("j/bias", 3),
];

/** What TensorFlow.js does not compute on the CPU: groups. */
const UNGROUPED = LAYERS.map((each) =>
  each.name === "e" ? { ...each, config: { ...each.config, groups: 1 } } : each
);
const UNGROUPED_WEIGHTS = WEIGHTS.map((each) =>
  each.name === "e/kernel" ? weight("e/kernel", 3, 3, 8, 4) : each
);

Deno.test("decodeTfjs() reads layers of every kind so that they do what TensorFlow.js does", async () => {
  const json = modelOf(UNGROUPED, UNGROUPED_WEIGHTS);
  const x = Tensor.uniform([2, 2, 6, 7], { low: -1, high: 1, seed: 3 });
  const expected = await predictWithTensorFlow(json, countingBytes(UNGROUPED_WEIGHTS), x);
  const network = networkOf("test", decode(json, UNGROUPED_WEIGHTS), {});
  const { j } = network.forwardSync(x);
  assertEquals(j?.shape, expected.shape);
  const largest = Math.max(...expected.data.map(Math.abs));
  const errors = j?.data.map((value, i) => Math.abs(value - (expected.data[i] ?? NaN))) ?? [];
  assert(Math.max(...errors) < 1e-6 * largest, `${Math.max(...errors)} of ${largest}`);
});

Deno.test("decodeTfjs() turns kernels, and keeps groups", () => {
  const { graph } = decode(modelOf(LAYERS, WEIGHTS), WEIGHTS);
  const kernel = graph.initializers.get("e/kernel");
  assertEquals(kernel?.shape, [4, 2, 3, 3]);
  // The second input of the first group, first tap: 1 input times 4 outputs on, behind 81 other numbers.
  assertEquals(kernel?.data[9], (54 + 3 + 3 + 72 + 4) % 17 / 8 - 1);
  const node = graph.nodes.find(({ name }) => name === "e");
  assertEquals(node?.attributes.get("group"), { kind: "int", value: 4 });
  assertEquals(graph.inputs, [{ name: "in", kind: "float", shape: [null, 2, null, null] }]);
  assertEquals(graph.outputs, [{ name: "j", kind: "float", shape: null }]);
});

Deno.test("decodeTfjs() puts layers in order", () => {
  const [first, ...others] = LAYERS;
  const turned = [...first === undefined ? [] : [first], ...others.slice(0, -1).toReversed()];
  const all = [...turned, ...others.slice(-1)];
  const { graph } = decode(modelOf(all, WEIGHTS), WEIGHTS);
  assertEquals(graph.nodes.map(({ name }) => name).filter((name) => name.length === 1), [
    ..."abcdefghij",
  ]);
});

const CONV = layer("Conv2D", "a", CONVOLUTION, "in");
const CONV_WEIGHTS = [weight("a/kernel", 3, 3, 2, 3), weight("a/bias", 3)];

/** The model of one convolution with another setting. */
function convolution(config: Readonly<Record<string, unknown>>): unknown {
  return modelOf(
    [input(), layer("Conv2D", "a", { ...CONVOLUTION, ...config }, "in")],
    CONV_WEIGHTS,
  );
}

Deno.test("decodeTfjs() says what it does not read", () => {
  const plain = modelOf([input(), CONV], CONV_WEIGHTS);
  const withWeights = (...weights: readonly unknown[]) => ({
    ...plain,
    weightsManifest: [{ paths: ["a.bin"], weights }],
  });
  const only = (kind: string, config: Readonly<Record<string, unknown>>) =>
    modelOf([input(), layer(kind, "a", config, "in")], CONV_WEIGHTS);
  const cases: readonly [unknown, string][] = [
    [[], "it must be an object, but is []"],
    [
      { ...plain, format: "graph-model" },
      'its format must be "layers-model", but is "graph-model"',
    ],
    [{ ...plain, modelTopology: { model_config: { class_name: "Sequential" } } }, "Sequential"],
    [only("Dense", {}), 'its layer "a" is of kind "Dense", which is not known here'],
    [only("Conv3D", {}), 'did you mean "Conv2D"?'],
    [only("MultiplyBeta", {}), '"MultiplyBeta"'],
    [only("constructor", {}), '"constructor"'],
    [
      only("Concatenate", { axis: 1 }),
      "config.axis must be 3 or -1, that of the channels, but is 1",
    ],
    [
      only("UpSampling2D", {
        size: [2, 2],
        data_format: "channels_last",
        interpolation: "bilinear",
      }),
      'interpolation must be "nearest", but is "bilinear"',
    ],
    [
      convolution({ activation: "swish" }),
      'layers[1].config.activation must be "linear" or "relu"',
    ],
    [convolution({ data_format: "channels_first" }), 'must be "channels_last"'],
    [convolution({ padding: "causal" }), 'padding must be "same" or "valid", but is "causal"'],
    [convolution({ kernel_size: [3] }), "kernel_size must be 2 whole numbers, but is [3]"],
    [convolution({ kernel_size: [3, 0] }), "kernel_size[1] must be a whole number from 1 on"],
    [convolution({ filters: 4 }), 'its weight "a/kernel" must have shape [3, 3, 2, 4], but has'],
    [convolution({ filters: 1.5 }), "filters must be a whole number from 1 to 1048576, but is 1.5"],
    [convolution({ use_bias: 1 }), "use_bias must be true or false, but is 1"],
    [modelOf([input([null, 2]), CONV], CONV_WEIGHTS), "batch, rows, columns and channels"],
    [modelOf([CONV], CONV_WEIGHTS), 'takes "in", which nothing gives'],
    [modelOf([input(), CONV, CONV], CONV_WEIGHTS), 'it has two layers of the name "a"'],
    [
      modelOf([input(), layer("Add", "a", {}, "b"), layer("Add", "b", {}, "a")], CONV_WEIGHTS),
      "made of its own output",
    ],
    [
      modelOf(
        [input(), { ...CONV, inbound_nodes: [taking("in"), taking("in")] }],
        CONV_WEIGHTS,
      ),
      "must be one use of the layer",
    ],
    [
      modelOf([input(), { ...CONV, inbound_nodes: [[["in", 1, 0]]] }], CONV_WEIGHTS),
      "inbound_nodes[0][0][1] must be a whole number from 0 to 0, but is 1",
    ],
    [withWeights(CONV_WEIGHTS[0]), 'its weights take 216 bytes, but "a.bin" has 228'],
    [withWeights(CONV_WEIGHTS[0], weight("b", 3)), 'it has no weight "a/bias"'],
    [
      withWeights(weight("a/bias", 3, 3, 2, 3), weight("a/bias", 3)),
      'it has two weights of the name "a/bias"',
    ],
    [
      withWeights({ ...CONV_WEIGHTS[0], dtype: "uint8" }),
      'dtype must be "float32", but is "uint8"',
    ],
    [
      withWeights({ ...CONV_WEIGHTS[0], quantization: { dtype: "uint8" } }),
      "as what is quantized is not read",
    ],
    [withWeights(weight("a/kernel", 2 ** 40, 2 ** 40)), "must be the shape of a weight"],
    [withWeights(weight("a/kernel", -1)), "must be a whole number from 0 on, but is -1"],
    [
      modelOf([input(), CONV], CONV_WEIGHTS, ["../a.bin"]),
      'must be the name of a file beside the model, but is "../a.bin"',
    ],
  ];
  for (const [json, message] of cases) {
    assertThrows(() => decode(json, CONV_WEIGHTS), SyntaxError, message);
  }
  assertThrows(() => decodeTfjs(Uint8Array.of(255, 0)), SyntaxError, "it is no JSON text");
});

Deno.test("decodeTfjs() reads a changed file as a model, or says what is wrong in one line", () => {
  const bytes = bytesOf(modelOf(LAYERS, WEIGHTS));
  const weights = countingBytes(WEIGHTS);
  fc.assert(
    fc.property(changes, (list) => {
      try {
        decodeNamed("m.json", () => {
          const model = decodeTfjs(change(bytes, list));
          return model.network(new Map([["a.bin", weights]]));
        });
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
        assert(/^Cannot read "m\.json": its? [^\n]+$/.test(error.message), error.message);
      }
    }),
    { seed: 14, numRuns: 3000 },
  );
});

Deno.test("readTfjs() reads weights from several files", async () => {
  using folder = new TestFolder();
  const json = modelOf(LAYERS, WEIGHTS, ["w-1of2", "w-2of2"]);
  const bytes = countingBytes(WEIGHTS);
  Deno.writeFileSync(folder.file("m.json"), bytesOf(json));
  Deno.writeFileSync(folder.file("w-1of2"), bytes.subarray(0, 101));
  await assertRejects(() => readTfjs(folder.file("m.json")), FileError, "w-2of2");
  Deno.writeFileSync(folder.file("w-2of2"), bytes.subarray(101));
  const { graph } = await readTfjs(folder.file("m.json"));
  const expected = decode(modelOf(LAYERS, WEIGHTS), WEIGHTS).graph;
  assertEquals([...graph.initializers], [...expected.initializers]);
});
