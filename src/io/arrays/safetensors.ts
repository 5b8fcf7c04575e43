import { checkChoice, checkOptionNames, describe } from "../../base/checks.ts";
import type { AnyTensor } from "../../tensor/tensor.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { checkBytes } from "../checks.ts";
import { decodeNamed, readBytes, writeBytes } from "../files.ts";
import type { StoredTensor, TensorDict } from "./dict.ts";
import { checkDict, dictOf } from "./dict.ts";
import { readArray, rowMajor } from "./elements.ts";
import type { FloatType } from "./floats.ts";
import { encodeFloats, FLOAT_BYTES, FLOAT_TYPES } from "./floats.ts";
import { LENGTH_BYTES, METADATA, readSafetensorsHeader } from "./safetensors_header.ts";

/** How tensors are written to a `.safetensors` file. */
export interface SafetensorsOptions {
  /**
   * The type of the values in the file.
   *
   * @default {"float32"}
   */
  readonly dtype?: FloatType;
  /** Texts by name that are kept in the file's header, such as `{ format: "pt" }`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The names of the types in the file. */
const NAMES: Readonly<Record<FloatType, string>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
};

/** The header is padded so that the data begin at a multiple of this. */
const ALIGNMENT = 8;

/**
 * Reads the bytes of a `.safetensors` file, as Hugging Face's library writes it.
 *
 * @param bytes The whole file.
 * @returns Its tensors by name. Types other than float32 (F64, F16, BF16, integers, BOOL) are rounded to it.
 * @throws {SyntaxError} If the bytes are not a whole file of that kind: every length, offset and shape is checked before
 * anything is made of it, and data that overlap, have gaps or are not named are refused.
 * @see {@link https://huggingface.co/docs/safetensors} for the format.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { decodeSafetensors, encodeSafetensors } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeSafetensors({ "conv.weight": Tensor.ones([4, 3, 1, 1]) });
 * assertEquals(decodeSafetensors(bytes)["conv.weight"]?.shape, [4, 3, 1, 1]);
 * ```
 */
export function decodeSafetensors(bytes: Uint8Array): TensorDict {
  return dictOf(storedSafetensors(checkBytes("decodeSafetensors()", bytes)));
}

/** Reads the bytes of a `.safetensors` file, as {@linkcode decodeSafetensors} does, and says how tensors are stored. */
export function storedSafetensors(bytes: Uint8Array): readonly StoredTensor[] {
  return readSafetensorsHeader(bytes).entries.map(({ name, type, shape, begin, end }) => {
    const data = readArray(type, bytes.subarray(begin, end), true, rowMajor(shape));
    return { name, dtype: type.name, tensor: new Tensor(data, shape) };
  });
}

/**
 * Reads of the bytes of a `.safetensors` file what its writer said besides the tensors.
 *
 * @param bytes The whole file.
 * @returns Texts by name; none where the file has none.
 * @throws {SyntaxError} As {@linkcode decodeSafetensors} does.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { decodeSafetensorsMetadata, encodeSafetensors } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeSafetensors({ x: Tensor.ones([1]) }, { metadata: { epoch: "12" } });
 * assertEquals(decodeSafetensorsMetadata(bytes).get("epoch"), "12");
 * ```
 */
export function decodeSafetensorsMetadata(bytes: Uint8Array): ReadonlyMap<string, string> {
  return readSafetensorsHeader(checkBytes("decodeSafetensorsMetadata()", bytes)).metadata;
}

/**
 * The bytes of a `.safetensors` file.
 *
 * @param tensors The tensors by name.
 * @param options The type of the values, and texts to keep with them.
 * @returns The whole file.
 * @throws {TypeError} If a value is not a tensor, or an option is unknown or of a wrong kind.
 * @throws {RangeError} If a tensor is called `__metadata__`, or `dtype` is none of the three.
 *
 * @example
 * ```ts
 * import { Conv2d } from "@tileconv/conv";
 * import { encodeSafetensors } from "@tileconv/conv/files";
 * import { assert } from "@std/assert";
 *
 * const layer = new Conv2d(3, 16, 3);
 * const half = encodeSafetensors(layer.stateDict(), { dtype: "float16" });
 * assert(half.length < encodeSafetensors(layer.stateDict()).length);
 * ```
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, AnyTensor>>,
  options: SafetensorsOptions = {},
): Uint8Array {
  const where = "encodeSafetensors()";
  const entries = checkDict(where, tensors);
  checkOptionNames(where, options, ["dtype", "metadata"]);
  const dtype = checkChoice(where, "dtype", options.dtype ?? "float32", FLOAT_TYPES);
  const header = new Map<string, unknown>();
  if (options.metadata !== undefined) {
    header.set(METADATA, checkMetadata(where, options.metadata));
  }
  let end = 0;
  for (const [name, { shape, data }] of entries) {
    if (name === METADATA) throw new RangeError(`${where}: no tensor can be called ${METADATA}`);
    const begin = end;
    end += data.length * FLOAT_BYTES[dtype];
    header.set(name, { dtype: NAMES[dtype], shape, data_offsets: [begin, end] });
  }
  const text = encodeHeader(header);
  const bytes = new Uint8Array(LENGTH_BYTES + text.length + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, LENGTH_BYTES);
  let at = LENGTH_BYTES + text.length;
  for (const [, { data }] of entries) {
    bytes.set(encodeFloats(dtype, data), at);
    at += data.length * FLOAT_BYTES[dtype];
  }
  return bytes;
}

/**
 * Reads a `.safetensors` file.
 *
 * @param path The file's path.
 * @returns Its tensors by name, as {@linkcode decodeSafetensors} makes them.
 * @throws {FileError} If the file cannot be read or {@linkcode decodeSafetensors} rejects it.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { readSafetensors, writeSafetensors } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * await writeSafetensors(path, { bias: Tensor.from([1, 2]) });
 * assertEquals((await readSafetensors(path))["bias"]?.shape, [2]);
 * await Deno.remove(path);
 * ```
 */
export async function readSafetensors(path: string): Promise<TensorDict> {
  const bytes = await readBytes(path);
  return decodeNamed(path, () => decodeSafetensors(bytes));
}

/**
 * Writes a `.safetensors` file.
 *
 * @param path The file's path. It is replaced in one step: it never holds half of the tensors.
 * @param tensors The tensors by name, as {@linkcode encodeSafetensors} takes them.
 * @param options The type of the values, and texts to keep with them.
 * @throws {FileError} If the file cannot be written.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { readSafetensors, writeSafetensors } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * await writeSafetensors(path, { x: Tensor.ones([2]) }, { dtype: "bfloat16" });
 * assertEquals([...(await readSafetensors(path))["x"]?.data ?? []], [1, 1]);
 * await Deno.remove(path);
 * ```
 */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, AnyTensor>>,
  options: SafetensorsOptions = {},
): Promise<void> {
  await writeBytes(path, encodeSafetensors(tensors, options));
}

/** JSON, padded with blanks as the format has it. */
function encodeHeader(header: ReadonlyMap<string, unknown>): Uint8Array {
  const members = Array.from(
    header,
    ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
  );
  const text = new TextEncoder().encode(`{${members.join(",")}}`);
  const padded = new Uint8Array(Math.ceil(text.length / ALIGNMENT) * ALIGNMENT).fill(0x20);
  padded.set(text);
  return padded;
}

function checkMetadata(where: string, metadata: unknown): Readonly<Record<string, string>> {
  if (typeof metadata !== "object" || metadata === null) {
    throw new TypeError(
      `${where}: metadata must be an object of strings, but is ${describe(metadata)}`,
    );
  }
  const texts = Object.entries(metadata).map(([key, text]: [string, unknown]) => {
    if (typeof text === "string") return [key, text] as const;
    throw new TypeError(
      `${where}: metadata ${describe(key)} must be a string, but is ${describe(text)}`,
    );
  });
  return Object.fromEntries(texts);
}
