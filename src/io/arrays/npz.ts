import type { AnyTensor } from "../../tensor/tensor.ts";
import { decodeNamed, readBytes, writeBytes } from "../files.ts";
import { checkBytes } from "../checks.ts";
import { kindOf } from "../file_kind.ts";
import type { UnpackOptions } from "../memory_budget.ts";
import { MemoryBudget } from "../memory_budget.ts";
import { quoted } from "../quoted.ts";
import type { ZipEntry } from "../zip/directory.ts";
import { isZip, readZip } from "../zip/directory.ts";
import { unpack } from "../zip/unpack.ts";
import { encodeZip } from "../zip/write.ts";
import type { StoredTensor, TensorDict } from "./dict.ts";
import { checkDict, dictOf } from "./dict.ts";
import { encodeNpy, storedNpy } from "./npy.ts";

const SUFFIX = ".npy";

/**
 * Reads the bytes of a `.npz` file, as `numpy.savez()` and `numpy.savez_compressed()` write it: a ZIP archive (PKWARE's
 * APPNOTE.TXT, stored or deflated, more than 4 GiB too) of `.npy` files.
 *
 * @param bytes The whole file.
 * @param options How much is unpacked at most.
 * @returns Its arrays by name, rounded to float32 where they are of another type. Those that were given to NumPy without a
 * name are called `arr_0`, `arr_1` and so on. Other files in the archive are left out.
 * @throws {SyntaxError} If the bytes are not a whole ZIP archive with `.npy` files of real numbers, or unpack to too much.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { decodeNpz, encodeNpz } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeNpz({ x: Tensor.from([1, 2, 3]) });
 * assertEquals(decodeNpz(bytes)["x"]?.shape, [3]);
 * ```
 */
export function decodeNpz(bytes: Uint8Array, options: UnpackOptions = {}): TensorDict {
  return dictOf(storedNpz(checkBytes("decodeNpz()", bytes), options));
}

/** Reads the bytes of a `.npz` file, as {@linkcode decodeNpz} does, and says how the arrays are stored. */
export function storedNpz(bytes: Uint8Array, options: UnpackOptions): readonly StoredTensor[] {
  const budget = MemoryBudget.of("decodeNpz()", options, bytes.length);
  checkMagic(bytes);
  return arraysOf(readZip(bytes)).map((entry) => readEntry(entry, budget));
}

/**
 * The bytes of tensors as a `.npz` file that `numpy.load()` reads: a ZIP archive, not compressed, of little-endian
 * float32 arrays.
 *
 * @param tensors The tensors by name.
 * @returns The whole file.
 * @throws {TypeError} If a value is not a tensor.
 * @throws {RangeError} If the file would take more than 4 GiB or 65,534 tensors.
 *
 * @example
 * ```ts
 * import { Conv2d } from "@tileconv/conv";
 * import { decodeNpz, encodeNpz } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new Conv2d(3, 16, 3);
 * const { weight } = decodeNpz(encodeNpz(layer.stateDict()));
 * assertEquals(weight?.data, layer.weight.data);
 * ```
 */
export function encodeNpz(tensors: Readonly<Record<string, AnyTensor>>): Uint8Array {
  const files = checkDict("encodeNpz()", tensors)
    .map(([name, tensor]) => ({ name: `${name}${SUFFIX}`, bytes: encodeNpy(tensor) }));
  return encodeZip("encodeNpz()", files);
}

/**
 * Reads a `.npz` file.
 *
 * @param path The file's path.
 * @param options How much is unpacked at most.
 * @returns Its arrays by name, as {@linkcode decodeNpz} makes them.
 * @throws {FileError} If the file cannot be read or {@linkcode decodeNpz} rejects it.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { readNpz, writeNpz } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".npz" });
 * await writeNpz(path, { x: Tensor.ones([2, 3]) });
 * assertEquals((await readNpz(path))["x"]?.shape, [2, 3]);
 * await Deno.remove(path);
 * ```
 */
export async function readNpz(path: string, options: UnpackOptions = {}): Promise<TensorDict> {
  const bytes = await readBytes(path);
  return decodeNamed(path, () => decodeNpz(bytes, options));
}

/**
 * Writes tensors as a `.npz` file.
 *
 * @param path The file's path. It is replaced in one step: it never holds half of the tensors.
 * @param tensors The tensors by name.
 * @throws {FileError} If the file cannot be written.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { readNpz, writeNpz } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".npz" });
 * await writeNpz(path, { a: Tensor.ones([1]), b: Tensor.ones([2]) });
 * assertEquals(Object.keys((await readNpz(path))), ["a", "b"]);
 * await Deno.remove(path);
 * ```
 */
export async function writeNpz(
  path: string,
  tensors: Readonly<Record<string, AnyTensor>>,
): Promise<void> {
  await writeBytes(path, encodeNpz(tensors));
}

function checkMagic(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new SyntaxError("it is empty; expected a .npz file");
  if (isZip(bytes)) return;
  const kind = kindOf(bytes);
  throw new SyntaxError(
    kind === undefined
      ? "it is not a .npz file; NumPy writes one with numpy.savez()"
      : `it is ${kind}, not a .npz file`,
  );
}

/** The arrays among the files of an archive: as NumPy does it, others may stand beside them. */
function arraysOf(entries: ReadonlyMap<string, ZipEntry>): readonly ZipEntry[] {
  const arrays = [...entries.values()].filter(({ name }) => name.endsWith(SUFFIX));
  const [other] = entries.keys();
  if (other === undefined || arrays.length > 0) return arrays;
  throw new SyntaxError(
    `it is a ZIP archive with ${quoted(other)} in it, but without any ${SUFFIX} file; expected ` +
      "arrays, as NumPy writes them",
  );
}

function readEntry(entry: ZipEntry, budget: MemoryBudget): StoredTensor {
  const name = entry.name.slice(0, -SUFFIX.length);
  const bytes = unpack(entry, budget);
  try {
    return { name, ...storedNpy(bytes) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SyntaxError(`its array ${quoted(name)} cannot be read: ${error.message}`);
  }
}
