import { Tensor } from "../../../tensor/tensor.ts";
import { product } from "../../../base/numbers.ts";
import { decodeNamed, readBytes } from "../../files.ts";
import { checkBytes } from "../../checks.ts";
import { kindOf } from "../../file_kind.ts";
import type { UnpackOptions } from "../../memory_budget.ts";
import { MemoryBudget } from "../../memory_budget.ts";
import { quoted } from "../../quoted.ts";
import { isZip } from "../../zip/directory.ts";
import type { StoredTensor, TensorDict } from "../dict.ts";
import { dictOf, UNNAMED } from "../dict.ts";
import { readArray } from "../elements.ts";
import { readArchive } from "./archive.ts";
import type { TorchContents } from "./contents.ts";
import { flatten } from "./flatten.ts";
import type { TensorView } from "./objects.ts";
import { isLegacy, readLegacy } from "./legacy.ts";

/**
 * Reads the bytes of a file that `torch.save()` wrote: a state dict, or dicts, lists and tuples of
 * tensors and state dicts. Such a file is a program for Python's pickle machine. Here nothing of it is run: of the names
 * in it those that tensors need are known (`torch._utils._rebuild_tensor_v2`, storages, `OrderedDict`), and any
 * other is refused.
 *
 * @param bytes The whole file.
 * @param options How much is made of it at most.
 * @returns Its tensors by name, with dots where dicts are nested, such as `model.features.0.weight`; a tensor that was
 * saved by itself is called `tensor`. Views of storages, of any strides, are read as they look. Types other than float32
 * (float64, float16, bfloat16, integers, booleans) are rounded to it. What is no tensor is left out.
 * @throws {SyntaxError} If the bytes are not such a file, ask for any other class, or would become too much.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { decodeTorch, encodeTorch } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeTorch({ "features.0.bias": Tensor.from([1, 2, 3]) });
 * assertEquals(decodeTorch(bytes)["features.0.bias"]?.shape, [3]);
 * ```
 */
export function decodeTorch(bytes: Uint8Array, options: UnpackOptions = {}): TensorDict {
  return dictOf(storedTorch(checkBytes("decodeTorch()", bytes), options));
}

/** Reads the bytes of a file of PyTorch, as {@linkcode decodeTorch} does, and says how tensors are stored. */
export function storedTorch(bytes: Uint8Array, options: UnpackOptions): readonly StoredTensor[] {
  const budget = MemoryBudget.of("decodeTorch()", options, bytes.length);
  const contents = readContents(bytes, budget);
  const tensors = flatten(contents.value);
  if (tensors.size === 0) throw new SyntaxError("it holds no tensors");
  return Array.from(tensors, ([name, view]) => ({
    name: name || UNNAMED,
    dtype: view.storage.element.name,
    tensor: readTensor(contents, view, budget),
  }));
}

/**
 * Reads a file that `torch.save()` wrote.
 *
 * @param path The file's path.
 * @param options How much is made of it at most.
 * @returns Its tensors by name, as {@linkcode decodeTorch} makes them.
 * @throws {FileError} If the file cannot be read or {@linkcode decodeTorch} rejects it.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { readTorch, writeTorch } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".pt" });
 * await writeTorch(path, { x: Tensor.ones([2, 3]) });
 * assertEquals((await readTorch(path))["x"]?.shape, [2, 3]);
 * await Deno.remove(path);
 * ```
 */
export async function readTorch(path: string, options: UnpackOptions = {}): Promise<TensorDict> {
  const bytes = await readBytes(path);
  return decodeNamed(path, () => decodeTorch(bytes, options));
}

/** Reads either form. */
function readContents(bytes: Uint8Array, budget: MemoryBudget): TorchContents {
  if (bytes.length === 0) throw new SyntaxError("it is empty; expected a file of torch.save()");
  if (isZip(bytes)) return readArchive(bytes, budget);
  if (isLegacy(bytes)) return readLegacy(bytes);
  const kind = kindOf(bytes);
  throw new SyntaxError(
    kind === undefined
      ? "it is not a file that torch.save() writes"
      : `it is ${kind}, not a file that torch.save() writes`,
  );
}

function readTensor(
  contents: TorchContents,
  { storage, offset, shape, strides }: TensorView,
  budget: MemoryBudget,
): Tensor {
  const { key, element, length } = storage;
  const bytes = contents.storage(key);
  if (bytes.length !== length * element.bytes) {
    throw new SyntaxError(
      `its storage ${quoted(key)} of ${length} elements takes ${length * element.bytes} bytes, ` +
        `but ${bytes.length} are there`,
    );
  }
  // Strides of 0 make much of one element.
  const size = shape.includes(0) ? 0 : product(shape);
  budget.take(size * Float32Array.BYTES_PER_ELEMENT);
  const layout = { shape, strides, offset };
  return new Tensor(readArray(element, bytes, contents.littleEndian, layout), shape);
}
