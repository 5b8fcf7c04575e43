import { assert, assertEquals, assertThrows } from "@std/assert";
import { decodeOnnx } from "../../../../src/io/models/onnx/decode.ts";
import { encodeOnnx } from "../../../../src/io/models/onnx/encode.ts";
import type {
  OnnxAttribute,
  OnnxModel,
  OnnxTensor,
  OnnxValueInfo,
} from "../../../../src/io/models/onnx/model.ts";

/** A tensor as `files.py` writes it: base64 of floats of 32 bits, or of 64 for integers. */
interface StoredTensor {
  readonly kind: OnnxTensor["kind"];
  readonly shape: readonly number[];
  readonly values: string;
}

type StoredAttribute =
  | Exclude<OnnxAttribute, { kind: "tensor" }>
  | { readonly kind: "tensor"; readonly value: StoredTensor };

interface StoredNode {
  readonly name: string;
  readonly operator: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly (readonly [string, StoredAttribute])[];
}

/** A file, and what ONNX's own library reads from it, or what is wrong with it here. */
type StoredFile = { readonly name: string; readonly bytes: string } & (StoredModel | Refused);

interface Refused {
  readonly error: string;
}

interface StoredModel {
  readonly opsets: readonly (readonly [string, number])[];
  readonly graph: string;
  readonly nodes: readonly StoredNode[];
  readonly initializers: readonly (readonly [string, StoredTensor])[];
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
}

const FILES: readonly StoredFile[] = Deno
  .readTextFileSync(new URL("files.jsonl", import.meta.url)).trim().split("\n")
  .map((line) => JSON.parse(line));

/** Bytes tell 0 from -0, which values do not. */
function storedTensor({ kind, shape, data }: OnnxTensor): StoredTensor {
  return { kind, shape, values: new Uint8Array(data.buffer).toBase64() };
}

function storedAttribute(attribute: OnnxAttribute): StoredAttribute {
  if (attribute.kind !== "tensor") return attribute;
  return { kind: "tensor", value: storedTensor(attribute.value) };
}

function storedModel({ opsets, graph }: OnnxModel): StoredModel {
  return {
    opsets: [...opsets],
    graph: graph.name,
    nodes: graph.nodes.map((node) => ({
      ...node,
      attributes: Array.from(node.attributes, ([name, value]) => [name, storedAttribute(value)]),
    })),
    initializers: Array.from(graph.initializers, ([name, tensor]) => [name, storedTensor(tensor)]),
    inputs: graph.inputs,
    outputs: graph.outputs,
  };
}

for (const stored of FILES) {
  const bytes = Uint8Array.fromBase64(stored.bytes);
  if ("error" in stored) {
    Deno.test(`decodeOnnx() refuses ${stored.name}`, () => {
      const { message } = assertThrows(() => decodeOnnx(bytes), SyntaxError, stored.error);
      assert(/^its? [ -~]{1,250}$/.test(message), message);
    });
  } else {
    Deno.test(`decodeOnnx() reads ${stored.name} as ONNX's own library does`, () => {
      const { name: _name, bytes: _bytes, ...expected } = stored;
      assertEquals(storedModel(decodeOnnx(bytes)), expected);
    });
  }
}

Deno.test("encodeOnnx() writes what decodeOnnx() read of the files of others", () => {
  let written = 0;
  for (const stored of FILES) {
    if ("error" in stored) continue;
    const model = decodeOnnx(Uint8Array.fromBase64(stored.bytes));
    if (!isWritable(model)) continue;
    assertEquals(storedModel(decodeOnnx(encodeOnnx(model))), storedModel(model), stored.name);
    written++;
  }
  assert(written >= 9);
});

/** Whether every attribute was kept and every integer is an int64. */
function isWritable({ graph: { nodes, initializers } }: OnnxModel): boolean {
  return nodes.every(({ attributes }) =>
    attributes.values().every(({ kind }) => kind !== "other")
  ) &&
    initializers.values().every(({ kind, data }) =>
      kind === "float" || data.every((value) => value <= 2 ** 63)
    );
}
