import { describeShape } from "../../base/checks.ts";
import { product } from "../../base/numbers.ts";
import type { AnyTensor } from "../../tensor/tensor.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { checkBytes, checkTensor } from "../checks.ts";
import { kindOf } from "../file_kind.ts";
import type { PeekedFile } from "../files.ts";
import { decodeNamed, readBytes, writeBytes } from "../files.ts";
import type { StoredTensor } from "./dict.ts";
import { parseNpyHeader } from "./npy_header.ts";
import type { ElementType } from "./elements.ts";
import { columnMajor, readArray, rowMajor } from "./elements.ts";
import { encodeFloats } from "./floats.ts";
import { parseElementType } from "./npy_types.ts";

/** `\x93NUMPY`, then two bytes of version. */
const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);

/** What is written before the data is padded to a multiple of this, so that the data can be mapped. */
const ALIGNMENT = 64;

/**
 * The most bytes in front of the data: what version 1 can say. What takes more describes structured types, which
 * are not read here.
 */
export const LONGEST_HEADER: number = MAGIC.length + 4 + 65535;

/** What a header says, checked. */
interface Header {
  readonly type: ElementType;
  readonly littleEndian: boolean;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** Where the data begins in the file. */
  readonly dataOffset: number;
}

/**
 * Reads a `.npy` file as NumPy writes it.
 *
 * @param path The file's path.
 * @returns The array. Other types than float32 (float64, float16, integers, booleans) are rounded to it.
 * @throws {FileError} If the file cannot be read or {@linkcode decodeNpy} rejects it.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { readNpy, writeNpy } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".npy" });
 * await writeNpy(path, Tensor.ones([2, 3]));
 * assertEquals((await readNpy(path)).shape, [2, 3]);
 * await Deno.remove(path);
 * ```
 */
export async function readNpy(path: string): Promise<Tensor> {
  const bytes = await readBytes(path);
  return decodeNamed(path, () => decodeNpy(bytes));
}

/** An array in a file of which only the header was read. */
export interface PeekedNpy {
  readonly shape: readonly number[];
  /** The type of its values in the file. */
  readonly dtype: string;
  /** Reads the array, as {@linkcode readNpy} does. */
  read(): Promise<Tensor>;
}

/**
 * What the header of a `.npy` file says.
 *
 * @param path The file's path.
 * @param peeked Its beginning: all of its header.
 * @throws {FileError} If {@linkcode decodeNpy} would reject its header or size.
 */
export function peekedNpy(path: string, { size, start, whole }: PeekedFile): PeekedNpy {
  return decodeNamed(path, () => {
    const header = readHeader(start);
    checkLength(header, size);
    const read = async () => {
      const bytes = await whole();
      return decodeNamed(path, () => decodeNpy(bytes));
    };
    return { dtype: header.type.name, shape: header.shape, read };
  });
}

/**
 * Writes a tensor as a `.npy` file that NumPy reads as a float32 array.
 *
 * @param path The file's path. It is replaced in one step: it never holds half of the array.
 * @param tensor The array.
 * @throws {FileError} If the file cannot be written.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { readNpy, writeNpy } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".npy" });
 * await writeNpy(path, Tensor.from([1, 2]));
 * assertEquals([...(await readNpy(path)).data], [1, 2]);
 * await Deno.remove(path);
 * ```
 */
export async function writeNpy(path: string, tensor: AnyTensor): Promise<void> {
  await writeBytes(path, encodeNpy(tensor));
}

/**
 * Reads the bytes of a `.npy` file, version 1, 2 or 3 of NEP 1 (`numpy.lib.format`).
 *
 * @param bytes The whole file.
 * @returns The array, rounded to float32 where it is of another type.
 * @throws {SyntaxError} If the bytes are not a whole `.npy` file of real numbers.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { decodeNpy, encodeNpy } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const x = Tensor.from([[1, 2], [3, 4]]);
 * assertEquals(decodeNpy(encodeNpy(x)).data, x.data);
 * ```
 */
export function decodeNpy(bytes: Uint8Array): Tensor {
  return storedNpy(checkBytes("decodeNpy()", bytes)).tensor;
}

/** Reads the bytes of a `.npy` file, as {@linkcode decodeNpy} does, and says how the array is stored. */
export function storedNpy(bytes: Uint8Array): Omit<StoredTensor, "name"> {
  const header = readHeader(bytes);
  checkLength(header, bytes.length);
  const { type, littleEndian, fortranOrder, shape, dataOffset } = header;
  const layout = fortranOrder ? columnMajor(shape) : rowMajor(shape);
  const data = readArray(type, bytes.subarray(dataOffset), littleEndian, layout);
  return { dtype: type.name, tensor: new Tensor(data, shape) };
}

/**
 * The bytes of a tensor as a `.npy` file: version 1.0, little-endian float32, C order.
 *
 * @param tensor The array.
 * @returns The whole file.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { encodeNpy } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * // A header of 128 bytes, and the values.
 * assertEquals(encodeNpy(Tensor.ones([2, 3])).length, 128 + 4 * 6);
 * ```
 */
export function encodeNpy(tensor: AnyTensor): Uint8Array {
  const { data, shape } = checkTensor("encodeNpy()", "the array", tensor);
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const dict = `{'descr': '<f4', 'fortran_order': False, 'shape': ${tuple}, }`;
  // Magic, version and header length, then the dict, then a newline that ends the padding.
  const prefix = MAGIC.length + 2 + 2;
  const dataOffset = Math.ceil((prefix + dict.length + 1) / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(dataOffset + data.length * 4);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint8(MAGIC.length, 1);
  view.setUint16(MAGIC.length + 2, dataOffset - prefix, true);
  const text = dict.padEnd(dataOffset - prefix - 1) + "\n";
  bytes.set(new TextEncoder().encode(text), prefix);
  bytes.set(encodeFloats("float32", data), dataOffset);
  return bytes;
}

/** Compares what a header promises with the size of the file. */
function checkLength({ type, shape, dataOffset }: Header, fileBytes: number): void {
  const expected = shape.includes(0) ? 0 : product(shape) * type.bytes;
  const available = fileBytes - dataOffset;
  if (available < expected) {
    throw new SyntaxError(
      `it ends early: an array of shape ${describeShape(shape)} takes ` +
        `${Number.isSafeInteger(expected) ? expected : "more than 2^53"} bytes, but ` +
        `${available} follow the header`,
    );
  }
  if (available > expected) {
    throw new SyntaxError(
      `it goes on after the array of shape ${describeShape(shape)}, bytes too many: ` +
        `${available - expected}; expected one array and nothing else`,
    );
  }
}

function readHeader(bytes: Uint8Array): Header {
  checkMagic(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint8(MAGIC.length);
  const minor = view.getUint8(MAGIC.length + 1);
  if (version < 1 || version > 3 || minor !== 0) {
    throw new SyntaxError(`it has .npy version ${version}.${minor}; expected 1.0, 2.0 or 3.0`);
  }
  const lengthBytes = version === 1 ? 2 : 4;
  const textOffset = MAGIC.length + 2 + lengthBytes;
  if (bytes.length < textOffset) throw new SyntaxError("it ends early, inside its header");
  const lengthOffset = MAGIC.length + 2;
  const length = version === 1
    ? view.getUint16(lengthOffset, true)
    : view.getUint32(lengthOffset, true);
  const dataOffset = textOffset + length;
  if (dataOffset > LONGEST_HEADER) {
    throw new SyntaxError(`its header of ${length} bytes is too long to be that of a plain array`);
  }
  if (bytes.length < dataOffset) throw new SyntaxError("it ends early, inside its header");
  // Version 3 is UTF-8; the older ones are Latin-1, of which a plain array uses the ASCII part.
  const text = new TextDecoder(version === 3 ? "utf-8" : "latin1")
    .decode(bytes.subarray(textOffset, dataOffset));
  const { descr, fortranOrder, shape } = parseNpyHeader(text);
  return { ...parseElementType(descr), fortranOrder, shape, dataOffset };
}

/** Whether a file begins as they all do. */
export function isNpyStart(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, index) => byte === bytes[index]);
}

function checkMagic(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new SyntaxError("it is empty; expected a .npy file");
  const present = Math.min(bytes.length, MAGIC.length);
  if (MAGIC.subarray(0, present).some((byte, index) => byte !== bytes[index])) {
    const kind = kindOf(bytes);
    throw new SyntaxError(
      kind === undefined
        ? "it is not a .npy file; NumPy writes one with numpy.save()"
        : `it is ${kind}, not a .npy file`,
    );
  }
  if (bytes.length < MAGIC.length + 2) throw new SyntaxError("it ends early, inside its header");
}
