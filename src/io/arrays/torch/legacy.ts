/**
 * The form that `torch.save()` wrote before PyTorch 1.6, in which many published weights still are: five pickles (a
 * number that stands for the form, its version, the machine, what was saved, the keys of the storages), then the
 * storages, each behind its length.
 *
 * @module
 */

import { quoted } from "../../quoted.ts";
import { ByteReader } from "../../reader.ts";
import type { TorchContents } from "./contents.ts";
import { Storage, TORCH_NAMES } from "./objects.ts";
import type { PickleNames, PickleValue } from "./pickle.ts";
import { damagedPickle, readPickle } from "./pickle.ts";

/** The pickle of the number, up to its end. */
// deno-fmt-ignore
const START = Uint8Array.of(
  0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e,
);

const VERSION = 1001;

/** Whether a file begins as they all do. */
export function isLegacy(bytes: Uint8Array): boolean {
  return START.every((byte, index) => byte === bytes[index]);
}

/**
 * Reads such a file.
 *
 * @param bytes The whole file.
 * @throws {SyntaxError} If it is damaged.
 */
export function readLegacy(bytes: Uint8Array): TorchContents {
  const types = new Map<string, Storage>();
  const pickles = new PickleSequence(bytes, START.length, collecting(types));
  if (pickles.next() !== VERSION) {
    throw damagedPickle(`its form of file is not of version ${VERSION}`);
  }
  const machine = pickles.next();
  const value = pickles.next();
  const keys = pickles.next();
  const storages = readStorages(new ByteReader(bytes, "its storages", pickles.end), keys, types);
  const storage = (key: string) => {
    const found = storages.get(key);
    if (found === undefined) throw new SyntaxError(`its storage ${quoted(key)} is missing`);
    return found;
  };
  const isBig = machine instanceof Map && machine.get("little_endian") === false;
  return { value, littleEndian: !isBig, storage };
}

/** Pickles that follow one another. */
class PickleSequence {
  readonly #bytes: Uint8Array;
  readonly #names: PickleNames;
  /** Where the last one ends. */
  end: number;

  constructor(bytes: Uint8Array, begin: number, names: PickleNames) {
    this.#bytes = bytes;
    this.#names = names;
    this.end = begin;
  }

  next(): PickleValue {
    const { value, end } = readPickle(this.#bytes, this.#names, this.end);
    this.end = end;
    return value;
  }
}

/** The usual names, noting which storages are referred to. */
function collecting(storages: Map<string, Storage>): PickleNames {
  const { named, referred } = TORCH_NAMES;
  return {
    named,
    referred(id) {
      const object = referred(id);
      if (object instanceof Storage) storages.set(object.key, object);
      return object;
    },
  };
}

/** The bytes of the storages by key. */
function readStorages(
  reader: ByteReader,
  keys: PickleValue,
  types: ReadonlyMap<string, Storage>,
): ReadonlyMap<string, Uint8Array> {
  if (!Array.isArray(keys)) throw damagedPickle("the keys of its storages are no list");
  const storages = new Map<string, Uint8Array>();
  for (const key of keys) {
    const type = typeof key === "string" ? types.get(key) : undefined;
    if (type === undefined) throw damagedPickle("it has a storage that no tensor refers to");
    storages.set(type.key, reader.take(reader.uint64() * type.element.bytes));
  }
  if (reader.left > 0) {
    throw new SyntaxError(`it goes on after its storages, bytes too many: ${reader.left}`);
  }
  return storages;
}
