import { decodeNpy, encodeNpy } from "../../io/arrays/npy.ts";
import { decodeNamed, FileError, readBytes } from "../../io/files.ts";
import { MemoryBudget } from "../../io/memory_budget.ts";
import { isZip, readZip } from "../../io/zip/directory.ts";
import { unpack } from "../../io/zip/unpack.ts";
import { encodeZip } from "../../io/zip/write.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Training } from "./training.ts";

/** What the names of the optimizer's tensors begin with. */
const OPTIMIZER = "optimizer.";
const LOSSES = "losses";
const SETTINGS = "settings.json";

/** More bytes than a training has are not unpacked. */
const MOST_BYTES = 2 ** 28;

/**
 * All of a training in a file that NumPy reads, too: an `.npz` with the parameters by layer, what the optimizer
 * remembers, the losses of the steps so far, and the settings beside them.
 */
export function encodeCheckpoint(training: Training): Uint8Array {
  const arrays: Record<string, Tensor> = { [LOSSES]: Tensor.from(training.losses) };
  training.layers.forEach((layer, index) => {
    for (const [name, tensor] of Object.entries(layer.stateDict())) {
      arrays[`${index}.${name}`] = tensor;
    }
  });
  for (const [name, tensor] of Object.entries(training.optimizer.stateDict())) {
    arrays[OPTIMIZER + name] = tensor;
  }
  return encodeZip("encodeCheckpoint()", [
    { name: SETTINGS, bytes: new TextEncoder().encode(JSON.stringify(training.settings)) },
    ...Object.entries(arrays).map(([name, tensor]) => ({
      name: `${name}.npy`,
      bytes: encodeNpy(tensor),
    })),
  ]);
}

/**
 * Brings a training to where another one was left.
 *
 * @param path A file of what {@linkcode encodeCheckpoint} made.
 * @throws {FileError} If it cannot be read, or is of a training with other settings.
 */
export async function resumeFrom(path: string, training: Training): Promise<void> {
  await readCheckpoint(path, ({ settings, tensors }) => {
    if (settings !== JSON.stringify(training.settings)) {
      throw new SyntaxError(`it is of a training with other settings: ${settings}`);
    }
    training.optimizer.loadStateDict(withPrefix(tensors, OPTIMIZER));
    training.layers.forEach((layer, index) =>
      layer.loadStateDict(withPrefix(tensors, `${index}.`))
    );
    training.losses.splice(0, Infinity, ...tensors.get(LOSSES)?.data ?? []);
  });
}

/** What a checkpoint holds. */
export interface Checkpoint {
  /** As JSON. */
  readonly settings: string;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/**
 * Reads a checkpoint.
 *
 * @param path A file of what {@linkcode encodeCheckpoint} made.
 * @param decode What is made of it; it throws a `SyntaxError` if it is not what it should be.
 * @throws {FileError} If it cannot be read.
 */
export async function readCheckpoint<Result>(
  path: string,
  decode: (checkpoint: Checkpoint) => Result,
): Promise<Result> {
  const bytes = await readBytes(path);
  return decodeNamed(path, () => {
    const files = unpackAll(bytes);
    const settings = files.get(SETTINGS);
    if (settings === undefined) throw new SyntaxError("it is not a training that was left");
    const tensors = new Map<string, Tensor>();
    for (const [name, file] of files) {
      if (name.endsWith(".npy")) tensors.set(name.slice(0, -".npy".length), decodeNpy(file));
    }
    return decode({ settings: new TextDecoder().decode(settings), tensors });
  });
}

/** The tensors whose names begin with something, by the rest of their names. */
function withPrefix(
  tensors: Checkpoint["tensors"],
  prefix: string,
): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(
    [...tensors].filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
  );
}

function unpackAll(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  if (!isZip(bytes)) throw new SyntaxError("it is not a ZIP archive");
  const budget = new MemoryBudget(MOST_BYTES);
  return new Map(Array.from(readZip(bytes), ([name, entry]) => [name, unpack(entry, budget)]));
}

/** Writes a checkpoint at once, for a process that is about to end. */
export function writeCheckpointSync(path: string, training: Training): void {
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    Deno.writeFileSync(temporary, encodeCheckpoint(training));
    Deno.renameSync(temporary, path);
  } catch (error) {
    throw new FileError(`Cannot write "${path}": ${error}`, { cause: error });
  }
}
