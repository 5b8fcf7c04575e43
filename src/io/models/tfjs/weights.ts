/**
 * The weights of a model, which lie one behind the other in the bytes of one file or several.
 *
 * @module
 */

import { describeShape } from "../../../base/checks.ts";
import { product } from "../../../base/numbers.ts";
import { Tensor } from "../../../tensor/tensor.ts";
import { quoted } from "../../quoted.ts";
import type { Json } from "./json.ts";

/** A weight's name, its shape, and how it is written. */
interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Weights that lie one behind the other in some files. */
export interface WeightGroup {
  /** The names of the files, which lie beside the model's. */
  readonly files: readonly string[];
  readonly specs: readonly WeightSpec[];
}

/** No weight of a layer has more axes: a kernel has three, inputs and outputs. */
const MOST_AXES = 5;

/** What a model says of its weights, checked as far as it can be without them. */
export function readManifest(manifest: Json): readonly WeightGroup[] {
  return manifest.list().map((group) => ({
    files: group.at("paths").list().map(fileName),
    specs: group.at("weights").list().map(specOf),
  }));
}

/** A name without folders: a model must not have files read that lie elsewhere. */
function fileName(path: Json): string {
  const name = path.text();
  if (/^[\w-][\w.-]*$/.test(name)) return name;
  throw path.fault("the name of a file beside the model");
}

function specOf(weight: Json): WeightSpec {
  weight.at("dtype").oneOf(["float32"]);
  const quantization = weight.at("quantization");
  if (!quantization.isMissing) {
    throw quantization.fault("left out, as what is quantized is not read");
  }
  const sizes = weight.at("shape");
  const shape = sizes.list().map((size) => size.integer(0));
  if (shape.length > MOST_AXES || !Number.isSafeInteger(product(shape))) {
    throw sizes.fault("the shape of a weight");
  }
  return { name: weight.at("name").text(), shape };
}

/**
 * Reads the weights.
 *
 * @param bytes Those of each file, by its name.
 * @returns The weights by their names, in the order that they have in the files.
 * @throws {SyntaxError} If a file is longer or shorter than its weights, or there are two of one name.
 */
export function readWeights(
  groups: readonly WeightGroup[],
  bytes: ReadonlyMap<string, Uint8Array>,
): ReadonlyMap<string, Tensor> {
  const weights = new Map<string, Tensor>();
  for (const { files, specs } of groups) {
    const parts = files.map((name) => bytes.get(name) ?? new Uint8Array());
    const given = parts.reduce((sum, { length }) => sum + length, 0);
    const lengths = specs.map(({ shape }) => product(shape) * Float32Array.BYTES_PER_ELEMENT);
    const length = lengths.reduce((sum, bytes) => sum + bytes, 0);
    if (length !== given) {
      throw new SyntaxError(
        `its weights take ${length} bytes, but ${files.map(quoted).join(" and ")} ` +
          `${files.length === 1 ? "has" : "have"} ${given}`,
      );
    }
    const data = joined(parts, given);
    let offset = 0;
    for (const [i, { name, shape }] of specs.entries()) {
      if (weights.has(name)) {
        throw new SyntaxError(`it has two weights of the name ${quoted(name)}`);
      }
      const end = offset + (lengths[i] ?? 0);
      weights.set(name, new Tensor(floats(data.subarray(offset, end)), shape));
      offset = end;
    }
  }
  return weights;
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** The numbers, whose low byte comes first in the files. */
function floats({ buffer, byteOffset, length }: Uint8Array): Float32Array<ArrayBuffer> {
  const view = new DataView(buffer, byteOffset, length);
  const size = Float32Array.BYTES_PER_ELEMENT;
  return Float32Array.from({ length: length / size }, (_, i) => view.getFloat32(i * size, true));
}

/**
 * A weight of a layer.
 *
 * @throws {SyntaxError} If it is missing or has another shape.
 */
export function weightOf(
  weights: ReadonlyMap<string, Tensor>,
  name: string,
  shape: readonly number[],
): Tensor {
  const weight = weights.get(name);
  if (weight === undefined) throw new SyntaxError(`it has no weight ${quoted(name)}`);
  if (weight.shape.join() === shape.join()) return weight;
  throw new SyntaxError(
    `its weight ${quoted(name)} must have shape ${describeShape(shape)}, but has ` +
      describeShape(weight.shape),
  );
}
