import type { Libc } from "./libc.ts";

/** Machine code in memory of its own. */
export interface MachineCode {
  readonly address: bigint;
  /** Gives the memory back. Nobody may be running the code. */
  release(): void;
}

/**
 * Puts code where it can be executed: written first, then made executable, never both at once.
 *
 * @param libc How to get memory.
 * @param code Position-independent code.
 * @returns Where it is, or `null` if the host does not give executable memory.
 */
export function placeCode(libc: Libc, code: Uint8Array<ArrayBuffer>): MachineCode | null {
  const bytes = code.length;
  const address = libc.map(bytes);
  if (address === null) return null;
  const release = () => libc.unmap(address, bytes);
  const pointer = Deno.UnsafePointer.create(address);
  if (pointer !== null) {
    new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, bytes)).set(code);
    if (libc.makeExecutable(address, bytes)) return { address, release };
  }
  release();
  return null;
}
