/**
 * Files changed as accidents and attackers change them: each is read, or refused in one line. A deep run changes
 * more than 20,000.
 *
 * @module
 */

import { assert } from "@std/assert";
import * as fc from "fast-check";
import { decodeOnnx } from "../../../../src/io/models/onnx/decode.ts";
import { encodeOnnx } from "../../../../src/io/models/onnx/encode.ts";
import type { OnnxModel } from "../../../../src/io/models/onnx/model.ts";
import { drawsByDepth } from "../../../_depth.ts";
import { change, changes } from "../../_mutate.ts";
import { models } from "./_models.ts";

/** A line that nothing can be hidden in. */
const LINE = /^decodeOnnx\(\): [^\p{C}\p{Zl}\p{Zp}]{1,400}$/u;

/** The files of others. */
const FILES: readonly Uint8Array[] = Deno
  .readTextFileSync(new URL("files.jsonl", import.meta.url)).trim().split("\n")
  .map((line) => Uint8Array.fromBase64(JSON.parse(line).bytes))
  .filter(({ length }) => length < 2000);

const CASES: readonly { readonly name: string; readonly files: fc.Arbitrary<Uint8Array> }[] = [
  { name: "a changed file of others", files: fc.constantFrom(...FILES) },
  { name: "a changed file of encodeOnnx()", files: models.map(encodeOnnx) },
];

for (const [index, { name, files }] of CASES.entries()) {
  Deno.test(`decodeOnnx() reads ${name}, or says what is wrong in one line`, () => {
    let accepted = 0;
    fc.assert(
      fc.property(files, changes, (file, list) => {
        const bytes = change(file, list);
        const model = readOrRefuse(bytes);
        if (model === null) return;
        accepted++;
        checkOrder(model);
        // A byte becomes one number of eight at most.
        const size = bytesOf(model);
        assert(size <= 8 * bytes.length, `${size} of ${bytes.length}`);
      }),
      { seed: 90 + index, numRuns: drawsByDepth(250, 10_000) },
    );
    // Changes that nothing survives would show nothing.
    assert(accepted > 0);
  });
}

function readOrRefuse(bytes: Uint8Array): OnnxModel | null {
  try {
    return decodeOnnx(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    assert(LINE.test(error.message), error.message);
    return null;
  }
}

/** Every node takes what is given before it. */
function checkOrder({ graph }: OnnxModel): void {
  const given = new Set([
    "",
    ...graph.initializers.keys(),
    ...graph.inputs.map(({ name }) => name),
  ]);
  for (const { inputs, outputs } of graph.nodes) {
    for (const name of inputs) assert(given.has(name), name);
    for (const name of outputs) given.add(name);
  }
  for (const { name } of graph.outputs) assert(given.has(name), name);
}

/** The bytes of all tensors and lists of numbers. */
function bytesOf({ graph: { nodes, initializers } }: OnnxModel): number {
  let bytes = 0;
  for (const { data } of initializers.values()) bytes += data.byteLength;
  for (const { attributes } of nodes) {
    for (const attribute of attributes.values()) {
      if (attribute.kind === "tensor") bytes += attribute.value.data.byteLength;
      else if (attribute.kind === "ints" || attribute.kind === "floats") {
        bytes += 8 * attribute.value.length;
      }
    }
  }
  return bytes;
}
