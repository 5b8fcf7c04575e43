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
import type { Change } from "../../_mutate.ts";
import { change, changes } from "../../_mutate.ts";
import { models } from "./_models.ts";
import { bytes, join, splitFields } from "./_wire.ts";

/** A line that nothing can be hidden in. */
const LINE = /^its? [^\p{C}\p{Zl}\p{Zp}]{1,400}$/u;

/** The files of others. */
const FILES: readonly Uint8Array[] = Deno
  .readTextFileSync(new URL("files.jsonl", import.meta.url)).trim().split("\n")
  .map((line) => Uint8Array.fromBase64(JSON.parse(line).bytes))
  .filter(({ length }) => length < 2000);

/** The fields of a message that are messages in turn. */
interface Inside {
  readonly [field: number]: Inside;
}

const TENSOR: Inside = {};
const VALUE: Inside = { 2: { 1: { 2: { 1: {} } } } };
const NODE: Inside = { 5: { 5: TENSOR } };
const MODEL: Inside = { 7: { 1: NODE, 5: TENSOR, 11: VALUE, 12: VALUE }, 8: {} };

/**
 * A message in which one message, however deep, is another; the lengths of those around it are right.
 *
 * @param path Which of the messages inside to go down into, as a part of them all, level by level.
 */
function changeInside(
  message: Uint8Array,
  inside: Inside,
  [pick, ...path]: readonly number[],
  list: readonly Change[],
): Uint8Array {
  const fields = splitFields(message);
  const messages = fields.filter(({ field }) => field in inside);
  const chosen = messages[Math.floor((pick ?? 0) * messages.length)];
  if (pick === undefined || chosen === undefined) return change(message, list);
  const deeper = inside[chosen.field] ?? {};
  return join(
    ...fields.map((field) =>
      field === chosen
        ? bytes(field.field, changeInside(field.content, deeper, path, list))
        : field.whole
    ),
  );
}

const changedInside = fc.tuple(
  fc.constantFrom(...FILES),
  fc.array(fc.nat({ max: 999 }).map((pick) => pick / 1000), { minLength: 1, maxLength: 6 }),
  changes,
).map(([file, path, list]) => changeInside(file, MODEL, path, list));

function changed(files: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc.tuple(files, changes).map(([file, list]) => change(file, list));
}

const CASES: readonly { readonly name: string; readonly files: fc.Arbitrary<Uint8Array> }[] = [
  { name: "a changed file of others", files: changed(fc.constantFrom(...FILES)) },
  { name: "a changed file of encodeOnnx()", files: changed(models.map(encodeOnnx)) },
  { name: "a file with a changed message inside", files: changedInside },
];

for (const [index, { name, files }] of CASES.entries()) {
  Deno.test(`decodeOnnx() reads ${name}, or says what is wrong in one line`, () => {
    let accepted = 0;
    fc.assert(
      fc.property(files, (bytes) => {
        const model = readOrRefuse(bytes);
        if (model === null) return;
        accepted++;
        checkOrder(model);
        // A byte becomes one number of eight at most.
        const size = sizeOf(model);
        assert(size <= 8 * bytes.length, `${size} of ${bytes.length}`);
      }),
      { seed: 90 + index, numRuns: drawsByDepth(200, 8000) },
    );
    // Changes that nothing survives would show nothing.
    assert(accepted > 0);
  });
}

function readOrRefuse(bytes: Uint8Array): OnnxModel | null {
  try {
    return decodeOnnx(bytes);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
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
function sizeOf({ graph: { nodes, initializers } }: OnnxModel): number {
  let size = 0;
  for (const { data } of initializers.values()) size += data.byteLength;
  for (const { attributes } of nodes) {
    for (const attribute of attributes.values()) {
      if (attribute.kind === "tensor") size += attribute.value.data.byteLength;
      else if (attribute.kind === "ints" || attribute.kind === "floats") {
        size += 8 * attribute.value.length;
      }
    }
  }
  return size;
}
