import { checkChoice, checkOptionNames } from "../../../base/checks.ts";
import type { AnyTensor } from "../../../tensor/tensor.ts";
import { writeBytes } from "../../files.ts";
import { ByteWriter } from "../../writer.ts";
import { encodeZip } from "../../zip/write.ts";
import { checkDict } from "../dict.ts";
import { stridesOf } from "../elements.ts";
import type { FloatType } from "../floats.ts";
import { encodeFloats, FLOAT_TYPES } from "../floats.ts";

/** How tensors are written for PyTorch. */
export interface TorchOptions {
  /**
   * The type of the values in the file.
   *
   * @default {"float32"}
   */
  readonly dtype?: FloatType;
}

/** The class of a storage of each type. */
const STORAGES: Readonly<Record<FloatType, string>> = {
  float32: "FloatStorage",
  float16: "HalfStorage",
  bfloat16: "BFloat16Storage",
};

/** The version of the archive's form that `torch.save()` writes. */
const VERSION = "3\n";

/**
 * The bytes of tensors as a file that `torch.load()` reads as a dict of tensors, `weights_only=True` included, and
 * `load_state_dict()` takes.
 *
 * @param tensors The tensors by name.
 * @param options The type of the values.
 * @returns The whole file.
 * @throws {TypeError} If a value is not a tensor, or an option is unknown or of a wrong kind.
 * @throws {RangeError} If `dtype` is none of the three, or the file would take more than 4 GiB.
 *
 * @example
 * ```ts
 * import { Conv2d } from "@tileconv/conv";
 * import { decodeTorch, encodeTorch } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new Conv2d(3, 16, 3);
 * const { weight } = decodeTorch(encodeTorch(layer.stateDict()));
 * assertEquals(weight?.data, layer.weight.data);
 * ```
 */
export function encodeTorch(
  tensors: Readonly<Record<string, AnyTensor>>,
  options: TorchOptions = {},
): Uint8Array {
  const where = "encodeTorch()";
  const entries = checkDict(where, tensors);
  checkOptionNames(where, options, ["dtype"]);
  const dtype = checkChoice(where, "dtype", options.dtype ?? "float32", FLOAT_TYPES);
  const pickle = new PickleWriter();
  for (const [key, [name, { shape }]] of entries.entries()) {
    pickle.tensor(name, STORAGES[dtype], String(key), shape);
  }
  return encodeZip(where, [
    { name: "archive/data.pkl", bytes: pickle.finish() },
    { name: "archive/byteorder", bytes: new TextEncoder().encode("little") },
    ...entries.map(([, { data }], key) => ({
      name: `archive/data/${key}`,
      bytes: encodeFloats(dtype, data),
    })),
    { name: "archive/version", bytes: new TextEncoder().encode(VERSION) },
  ]);
}

/**
 * Writes tensors as a file that `torch.load()` reads.
 *
 * @param path The file's path. It is replaced in one step: it never holds half of the tensors.
 * @param tensors The tensors by name, as {@linkcode encodeTorch} takes them.
 * @param options The type of the values.
 * @throws {FileError} If the file cannot be written.
 *
 * @example
 * ```ts
 * import { Tensor } from "@tileconv/conv";
 * import { readTorch, writeTorch } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".pt" });
 * await writeTorch(path, { x: Tensor.ones([2]) }, { dtype: "float16" });
 * assertEquals([...(await readTorch(path))["x"]?.data ?? []], [1, 1]);
 * await Deno.remove(path);
 * ```
 */
export async function writeTorch(
  path: string,
  tensors: Readonly<Record<string, AnyTensor>>,
  options: TorchOptions = {},
): Promise<void> {
  await writeBytes(path, encodeTorch(tensors, options));
}

/** Writes the pickle of a state dict, protocol 2. */
class PickleWriter {
  readonly #bytes = new ByteWriter();

  constructor() {
    this.#bytes.uint8(0x80).uint8(2);
    this.#emptyDict();
    this.#bytes.text("(");
  }

  /** Writes a member of the dict: the call that makes a tensor of a storage. */
  tensor(name: string, storage: string, key: string, shape: readonly number[]): void {
    const count = shape.reduce((product, size) => product * size, 1);
    this.#string(name);
    this.#bytes.text("ctorch._utils\n_rebuild_tensor_v2\n(");
    this.#bytes.text("(");
    this.#string("storage");
    this.#bytes.text(`ctorch\n${storage}\n`);
    this.#string(key);
    this.#string("cpu");
    this.#integer(count);
    // The tuple is a reference; then the offset, sizes, strides, no gradient, no hooks.
    this.#bytes.text("tQ");
    this.#integer(0);
    this.#tuple(shape);
    this.#tuple(stridesOf(shape));
    this.#bytes.uint8(0x89);
    this.#emptyDict();
    this.#bytes.text("tR");
  }

  finish(): Uint8Array {
    return this.#bytes.text("u.").join();
  }

  #emptyDict(): void {
    this.#bytes.text("ccollections\nOrderedDict\n)R");
  }

  #string(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.#bytes.text("X").uint32(bytes.length).bytes(bytes);
  }

  #tuple(values: readonly number[]): void {
    this.#bytes.text("(");
    for (const value of values) this.#integer(value);
    this.#bytes.text("t");
  }

  /** As eight bytes of two's complement: sizes are below 2^53. */
  #integer(value: number): void {
    this.#bytes.uint8(0x8a).uint8(8).uint32(value % 2 ** 32, Math.floor(value / 2 ** 32));
  }
}
