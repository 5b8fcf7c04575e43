import type { UnpackOptions } from "../memory_budget.ts";
import { decodeNamed, readBytes } from "../files.ts";
import { checkBound, checkBytes } from "../checks.ts";
import { kindOf } from "../file_kind.ts";
import { isZip, readZip } from "../zip/directory.ts";
import type { StoredTensor, TensorDict } from "./dict.ts";
import { dictOf, UNNAMED } from "./dict.ts";
import { isNpyStart, storedNpy } from "./npy.ts";
import { storedNpz } from "./npz.ts";
import { storedSafetensors } from "./safetensors.ts";
import { isSafetensors } from "./safetensors_header.ts";
import { isTorchArchive } from "./torch/archive.ts";
import { storedTorch } from "./torch/decode.ts";
import { isLegacy } from "./torch/legacy.ts";

/**
 * Reads the bytes of any file of tensors that is known here, by what is in it: `.safetensors`, PyTorch's `.pt` and
 * `.pth`, NumPy's `.npz` and `.npy`.
 *
 * @param bytes The whole file.
 * @param options How much is made of it at most.
 * @returns Its tensors by name, as {@linkcode decodeSafetensors}, {@linkcode decodeTorch} and {@linkcode decodeNpz} make
 * them. The array of a `.npy` file is called `tensor`.
 * @throws {SyntaxError} If the bytes are no such file.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { decodeTensors, encodeNpy, encodeTorch } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const x = Tensor.from([1, 2, 3]);
 * assertEquals(decodeTensors(encodeTorch({ x }))["x"]?.data, x.data);
 * assertEquals(decodeTensors(encodeNpy(x))["tensor"]?.data, x.data);
 * ```
 */
export function decodeTensors(bytes: Uint8Array, options: UnpackOptions = {}): TensorDict {
  const where = "decodeTensors()";
  checkBound(where, options, "mostBytes");
  return dictOf(storedTensors(checkBytes(where, bytes), options));
}

/** Reads the bytes of any file of tensors, as {@linkcode decodeTensors} does, and says how they are stored. */
export function storedTensors(bytes: Uint8Array, options: UnpackOptions): readonly StoredTensor[] {
  if (isNpyStart(bytes)) return [{ name: UNNAMED, ...storedNpy(bytes) }];
  if (isLegacy(bytes)) return storedTorch(bytes, options);
  if (isZip(bytes)) {
    return isTorchArchive(readZip(bytes)) ? storedTorch(bytes, options) : storedNpz(bytes, options);
  }
  if (isSafetensors(bytes)) return storedSafetensors(bytes);
  const kind = bytes.length === 0 ? "empty" : kindOf(bytes) ?? "none of them";
  throw new SyntaxError(
    `it is ${kind}; expected a file of tensors: .safetensors, .pt, .npz or .npy`,
  );
}

/** Whether a file begins as those of tensors do. */
export function isTensorsStart(bytes: Uint8Array): boolean {
  return isNpyStart(bytes) || isLegacy(bytes) || isZip(bytes) || isSafetensors(bytes);
}

/**
 * Reads any file of tensors that is known here, by what is in it, whatever it is called.
 *
 * @param path The file's path.
 * @param options How much is made of it at most.
 * @returns Its tensors by name, as {@linkcode decodeTensors} makes them.
 * @throws {FileError} If the file cannot be read or {@linkcode decodeTensors} rejects it.
 *
 * @example
 * ```ts
 * import { Conv2d } from "@tileconv/conv";
 * import { readTensors, writeSafetensors } from "@tileconv/conv/files";
 *
 * const path = await Deno.makeTempFile();
 * const layer = new Conv2d(3, 16, 3);
 * await writeSafetensors(path, layer.stateDict());
 * layer.loadStateDict(await readTensors(path));
 * await Deno.remove(path);
 * ```
 */
export async function readTensors(path: string, options: UnpackOptions = {}): Promise<TensorDict> {
  const bytes = await readBytes(path);
  return decodeNamed(path, () => decodeTensors(bytes, options));
}
