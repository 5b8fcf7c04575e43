/**
 * The one door to native functions: the few of the C library by which machine code becomes executable and is called.
 *
 * @module
 */

/** What machine code needs of its host. Addresses of user space take 47 bits: a number holds them exactly. */
export interface NativeCode {
  /** Where an array lies. It must not be freed while the address is used. */
  addressOf(array: ArrayBufferView<ArrayBufferLike>): number;
  /**
   * Says what may be done with whole pages of memory.
   *
   * @param protection Any of `PROT_READ`, `PROT_WRITE` and `PROT_EXEC` of Linux's `<sys/mman.h>`.
   * @returns Whether the host allows it.
   */
  protect(address: number, bytes: number, protection: number): boolean;
  /**
   * Asks for memory in pages of 2 MiB from its next first use on, where the host has such. Of small pages a processor
   * remembers where 8 MiB lie; a network's weights and what its layers make are more.
   */
  useHugePages(address: number, bytes: number): void;
  /**
   * A function that calls machine code with the address of an array as its second argument.
   *
   * @param entry Address of the code.
   * @param argument Must not be freed while the function is used.
   */
  caller(entry: bigint, argument: ArrayBufferView<ArrayBufferLike>): () => void;
}

/** What keeps native code for Linux on x86-64 from being called here; `null` if nothing does. Asks the user nothing. */
export function missingForNativeCode(): string | null {
  if (!("Deno" in globalThis)) return "Deno: native functions of other runtimes are not used yet";
  const { os, arch } = Deno.build;
  if (os !== "linux" || arch !== "x86_64") {
    return `Linux on x86-64, but this is ${os} on ${arch}`;
  }
  const isGranted = Deno.permissions.querySync({ name: "ffi" }).state === "granted";
  return isGranted ? null : "the permission --allow-ffi";
}

let opened: NativeCode | null = null;

/**
 * The door, opened once on this thread.
 *
 * @throws As {@linkcode openNativeCode}.
 */
export function nativeCode(): NativeCode {
  opened ??= openNativeCode();
  return opened;
}

/**
 * Opens the door on this thread. It stands alone: threads are given its text (see `src/engine/pool.ts`).
 *
 * @throws If this is no Linux with the GNU C library, or the permission is missing.
 */
export function openNativeCode(): NativeCode {
  const { UnsafePointer } = Deno;
  const { mprotect, madvise, bsearch } = Deno.dlopen("libc.so.6", {
    mprotect: { parameters: ["usize", "usize", "i32"], result: "i32" },
    madvise: { parameters: ["usize", "usize", "i32"], result: "i32" },
    // bsearch(key, base, 1, 0, compare) calls compare(key, base) once: base is an array of one element. A function
    // of the library is called in 20 nanoseconds, Deno's calls of mere addresses take 3000.
    bsearch: {
      parameters: ["u32", "pointer", "pointer", "pointer", "pointer"],
      result: "void",
    },
  }).symbols;
  const one = UnsafePointer.create(1n);
  return {
    addressOf(array) {
      return Number(UnsafePointer.value(UnsafePointer.of(array)));
    },
    protect(address, bytes, protection) {
      return mprotect(BigInt(address), BigInt(bytes), protection) === 0;
    },
    useHugePages(address, bytes) {
      // MADV_HUGEPAGE of Linux's <sys/mman.h>. A host that does not have them goes on as it did.
      madvise(BigInt(address), BigInt(bytes), 14);
    },
    caller(entry, argument) {
      const [code, base] = [UnsafePointer.create(entry), UnsafePointer.of(argument)];
      return () => bsearch(0, base, one, null, code);
    },
  };
}
