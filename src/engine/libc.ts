/**
 * The few functions of the C library through which machine code becomes executable and is called.
 *
 * @module
 */

import { openLibc } from "../../workers/tiles.ts";

/** What is used of the library. */
export type Libc = ReturnType<typeof openLibc>;

/** Whether machine code may be called: asked for without a prompt. */
export function mayCallMachineCode(): boolean {
  return Deno.permissions.querySync({ name: "ffi" }).state === "granted";
}

let opened: Libc | null = null;

/**
 * The library, opened once.
 *
 * @throws If this is no Linux with the GNU C library, or the permission is missing.
 */
export function libc(): Libc {
  opened ??= openLibc();
  return opened;
}

/** Calls machine code that wants the address of some memory as its second argument. */
export function callWithMemory(
  { bsearch }: Libc,
  address: bigint,
  memory: Uint32Array<ArrayBuffer>,
): void {
  const { UnsafePointer } = Deno;
  // Of one element, compare(key, element) is called once.
  const one = UnsafePointer.create(1n);
  bsearch(0, UnsafePointer.of(memory), one, null, UnsafePointer.create(address));
}

/** Where an array lies. Addresses of user space take 47 bits: a number holds them exactly. */
export function addressOf(array: ArrayBufferView<ArrayBufferLike>): number {
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(array)));
}
