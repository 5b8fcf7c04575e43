import { describeShape } from "../../base/checks.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { FileError, peekFile, readBytes, writeBytes } from "../files.ts";
import type { PythonValue } from "./python_literal.ts";
import { parsePythonLiteral } from "./python_literal.ts";

/** `\x93NUMPY`, then two bytes of version. */
const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);

/** What is written before the data is padded to a multiple of this, so that the data can be mapped. */
const ALIGNMENT = 64;

/** What is longer up to the data describes structured types, which are not read here. */
const LONGEST_HEADER = 65536;

/** How one element is stored, and how it is read. */
interface ElementType {
  readonly bytes: number;
  read(view: DataView, offset: number, littleEndian: boolean): number;
}

/** The types that are read, by NumPy's kind letter and size; all become float32. */
const ELEMENT_TYPES: ReadonlyMap<string, ElementType> = new Map<string, ElementType>([
  ["f2", { bytes: 2, read: (view, at, little) => view.getFloat16(at, little) }],
  ["f4", { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) }],
  ["f8", { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) }],
  ["b1", { bytes: 1, read: (view, at) => view.getUint8(at) === 0 ? 0 : 1 }],
  ["i1", { bytes: 1, read: (view, at) => view.getInt8(at) }],
  ["i2", { bytes: 2, read: (view, at, little) => view.getInt16(at, little) }],
  ["i4", { bytes: 4, read: (view, at, little) => view.getInt32(at, little) }],
  ["i8", { bytes: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) }],
  ["u1", { bytes: 1, read: (view, at) => view.getUint8(at) }],
  ["u2", { bytes: 2, read: (view, at, little) => view.getUint16(at, little) }],
  ["u4", { bytes: 4, read: (view, at, little) => view.getUint32(at, little) }],
  ["u8", { bytes: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) }],
]);

/** What a header says, checked. */
interface Header {
  readonly type: ElementType;
  readonly littleEndian: boolean;
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
 */
export async function readNpy(path: string): Promise<Tensor> {
  return decodeNamed(path, await readBytes(path));
}

/** An array in a file of which only the header was read. */
export interface PeekedNpy {
  readonly shape: readonly number[];
  readonly fileBytes: number;
  /** Reads the array, as {@linkcode readNpy} does. */
  read(): Promise<Tensor>;
}

/**
 * Reads the header of a `.npy` file.
 *
 * @param path The file's path.
 * @throws {FileError} If the file cannot be read, or {@linkcode decodeNpy} would reject its header or size.
 */
export async function peekNpy(path: string): Promise<PeekedNpy> {
  const { size, start, whole } = await peekFile(path, LONGEST_HEADER);
  return named(path, () => {
    const header = readHeader(start);
    checkLength(header, size);
    const read = async () => decodeNamed(path, await whole());
    return { shape: header.shape, fileBytes: size, read };
  });
}

function decodeNamed(path: string, bytes: Uint8Array): Tensor {
  return named(path, () => decodeNpy(bytes));
}

/** Adds the file's name to what is wrong with its bytes. */
function named<Result>(path: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new FileError(`Cannot read "${path}": ${error.message}`, { cause: error });
  }
}

/**
 * Writes a tensor as a `.npy` file that NumPy reads as a float32 array.
 *
 * @param path The file's path. It is replaced in one step: it never holds half of the array.
 * @param tensor The array.
 * @throws {FileError} If the file cannot be written.
 */
export async function writeNpy(path: string, tensor: Tensor): Promise<void> {
  await writeBytes(path, encodeNpy(tensor));
}

/**
 * Reads the bytes of a `.npy` file, version 1, 2 or 3.
 *
 * @param bytes The whole file.
 * @returns The array, rounded to float32 where it is of another type.
 * @throws {SyntaxError} If the bytes are not a whole `.npy` file of numbers in C order.
 */
export function decodeNpy(bytes: Uint8Array): Tensor {
  const header = readHeader(bytes);
  checkLength(header, bytes.length);
  const { type, littleEndian, shape, dataOffset } = header;
  const count = countOf(shape);
  const view = new DataView(bytes.buffer, bytes.byteOffset + dataOffset);
  const values = new Float32Array(count);
  for (let index = 0; index < count; index++) {
    values[index] = type.read(view, index * type.bytes, littleEndian);
  }
  return new Tensor(values, shape);
}

/**
 * The bytes of a tensor as a `.npy` file: version 1.0, little-endian float32, C order.
 *
 * @param tensor The array.
 * @returns The whole file.
 */
export function encodeNpy(tensor: Tensor): Uint8Array {
  const { data, shape } = tensor;
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
  for (let index = 0; index < data.length; index++) {
    view.setFloat32(dataOffset + index * 4, data[index] ?? 0, true);
  }
  return bytes;
}

function countOf(shape: readonly number[]): number {
  return shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1);
}

/** Compares what a header promises with the size of the file. */
function checkLength({ type, shape, dataOffset }: Header, fileBytes: number): void {
  const expected = countOf(shape) * type.bytes;
  const available = fileBytes - dataOffset;
  if (available < expected) {
    throw new SyntaxError(
      `it ends early: an array of shape ${describeShape(shape)} takes ${expected} bytes, but ` +
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
  if (version < 1 || version > 3) {
    throw new SyntaxError(`it has .npy version ${version}; expected 1, 2 or 3`);
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
  return { ...parseHeader(text), dataOffset };
}

function checkMagic(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new SyntaxError("it is empty; expected a .npy file");
  const present = Math.min(bytes.length, MAGIC.length);
  if (MAGIC.subarray(0, present).some((byte, index) => byte !== bytes[index])) {
    throw new SyntaxError("it is not a .npy file; NumPy writes one with numpy.save()");
  }
  if (bytes.length < MAGIC.length + 2) throw new SyntaxError("it ends early, inside its header");
}

function parseHeader(text: string): Omit<Header, "dataOffset"> {
  const header = parseDict(text);
  const names = [...header.keys()].sort();
  if (names.join() !== "descr,fortran_order,shape") {
    throw new SyntaxError(
      `its header has the keys ${names.join(", ")}; expected descr, fortran_order and shape`,
    );
  }
  const { type, littleEndian } = parseDescr(header.get("descr"));
  const fortranOrder = header.get("fortran_order");
  if (typeof fortranOrder !== "boolean") {
    throw new SyntaxError("its header has a fortran_order that is neither True nor False");
  }
  const shape = parseShape(header.get("shape"));
  if (fortranOrder) {
    throw new SyntaxError(
      "it is in Fortran order; save it in C order with numpy.save(path, numpy.ascontiguousarray(x))",
    );
  }
  return { type, littleEndian, shape };
}

function parseDict(text: string): ReadonlyMap<string, PythonValue> {
  let header: PythonValue;
  try {
    header = parsePythonLiteral(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SyntaxError(`its header is not a Python dict: ${error.message}`, { cause: error });
  }
  if (header instanceof Map) return header;
  throw new SyntaxError("its header is not a Python dict");
}

/** A type as NumPy spells it: byte order, kind and size, such as `<f4`. */
function parseDescr(descr: PythonValue | undefined): Pick<Header, "type" | "littleEndian"> {
  if (typeof descr !== "string") {
    throw new SyntaxError("it holds records (a structured dtype); expected float32 or float64");
  }
  const order = descr[0] ?? "";
  if (descr.slice(1) === "O") {
    throw new SyntaxError(
      "it holds Python objects (dtype object); expected float32 or float64",
    );
  }
  const type = ELEMENT_TYPES.get(descr.slice(1));
  if (type === undefined || !"<>|=".includes(order)) {
    throw new SyntaxError(
      `it holds values of dtype ${JSON.stringify(descr)}; expected float32 or float64`,
    );
  }
  return { type, littleEndian: order !== ">" };
}

function parseShape(shape: PythonValue | undefined): readonly number[] {
  if (!Array.isArray(shape)) throw new SyntaxError("its header has a shape that is not a tuple");
  return shape.map((size: unknown) => {
    if (typeof size === "number" && Number.isSafeInteger(size) && size >= 0) return size;
    throw new SyntaxError("its header has a shape that is not a tuple of sizes");
  });
}
