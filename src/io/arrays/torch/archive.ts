import type { MemoryBudget } from "../../memory_budget.ts";
import { quoted } from "../../quoted.ts";
import type { ZipEntry } from "../../zip/directory.ts";
import { readZip } from "../../zip/directory.ts";
import { unpack } from "../../zip/unpack.ts";
import type { TorchContents } from "./contents.ts";
import { TORCH_NAMES } from "./objects.ts";
import { readPickle } from "./pickle.ts";

/** A file's parts by name. */
type Entries = ReadonlyMap<string, ZipEntry>;

/** The pickle of every archive, in a folder that is called after the file. */
const PICKLE = /^([^/]+\/)data\.pkl$/;

/** Whether an archive is one of PyTorch. */
export function isTorchArchive(entries: Entries): boolean {
  return [...entries.keys()].some((name) => PICKLE.test(name));
}

/**
 * Reads the archive that `torch.save()` writes from PyTorch 1.6 on.
 *
 * @param bytes The whole file, a ZIP archive.
 * @param budget What may be unpacked of it.
 * @throws {SyntaxError} If it is damaged.
 */
export function readArchive(bytes: Uint8Array, budget: MemoryBudget): TorchContents {
  const entries = readZip(bytes);
  const [folder, pickle] = findPickle(entries);
  const { value } = readPickle(unpack(pickle, budget), TORCH_NAMES);
  const littleEndian = readOrder(entries.get(`${folder}byteorder`), budget);
  // What tensors share is unpacked once.
  const storages = new Map<string, Uint8Array>();
  const storage = (key: string) => {
    const known = storages.get(key);
    if (known !== undefined) return known;
    const entry = entries.get(`${folder}data/${key}`);
    if (entry === undefined) throw new SyntaxError(`its storage ${quoted(key)} is missing`);
    const bytes = unpack(entry, budget);
    storages.set(key, bytes);
    return bytes;
  };
  return { value, littleEndian, storage };
}

function findPickle(entries: Entries): readonly [folder: string, entry: ZipEntry] {
  const found = [...entries.values()].flatMap((entry) => {
    const folder = PICKLE.exec(entry.name)?.[1];
    return folder === undefined ? [] : [[folder, entry] as const];
  });
  const [first, ...others] = found;
  if (first === undefined || others.length > 0) {
    throw new SyntaxError(
      `it is a ZIP archive with ${found.length} files called data.pkl; torch.save() writes one`,
    );
  }
  return first;
}

/** Newer versions say which byte of an element comes first; the others ran where the lowest does. */
function readOrder(entry: ZipEntry | undefined, budget: MemoryBudget): boolean {
  if (entry === undefined) return true;
  const order = new TextDecoder().decode(unpack(entry, budget));
  if (order !== "little" && order !== "big") {
    throw new SyntaxError(`its byte order is ${quoted(order)}; expected "little" or "big"`);
  }
  return order === "little";
}
