import type { PickleValue } from "./pickle.ts";

/** What a file of PyTorch holds, whichever way it holds it. */
export interface TorchContents {
  /** What was saved, its tensors as views of storages. */
  readonly value: PickleValue;
  /** Whether the lowest byte of an element comes first. */
  readonly littleEndian: boolean;
  /**
   * The bytes of a storage.
   *
   * @throws {SyntaxError} If they are missing or damaged.
   */
  storage(key: string): Uint8Array;
}
