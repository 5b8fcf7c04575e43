/**
 * The few functions of the C library through which machine code gets into memory and is called.
 *
 * @module
 */

/** What is used of the library. */
export interface Libc {
  /** `n` fresh bytes that may be read and written; `null` if the host has none to give. */
  map(bytes: number): bigint | null;
  /** Makes mapped bytes executable, and no longer writable. Whether the host allows it. */
  makeExecutable(address: bigint, bytes: number): boolean;
  /** Gives mapped bytes back. */
  unmap(address: bigint, bytes: number): void;
  /** Calls machine code that wants the address of some memory as its second argument. */
  call(address: bigint, memory: Uint32Array<ArrayBuffer>): void;
}

const SYMBOLS = {
  mmap: { parameters: ["usize", "usize", "i32", "i32", "i32", "i64"], result: "usize" },
  mprotect: { parameters: ["usize", "usize", "i32"], result: "i32" },
  munmap: { parameters: ["usize", "usize"], result: "i32" },
  bsearch: { parameters: ["u32", "buffer", "usize", "usize", "pointer"], result: "void" },
} as const;

// From Linux's <sys/mman.h>.
const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MAP_FAILED = 2n ** 64n - 1n;
const NO_FILE = -1;

/** Whether machine code may be called: asked for without a prompt. */
export function mayCallMachineCode(): boolean {
  return Deno.permissions.querySync({ name: "ffi" }).state === "granted";
}

/**
 * Opens the library.
 *
 * @throws If this is no Linux with the GNU C library, or the permission is missing.
 */
export function openLibc(): Libc {
  const { symbols } = Deno.dlopen("libc.so.6", SYMBOLS);
  return {
    map(bytes) {
      const address = symbols.mmap(
        0n,
        BigInt(bytes),
        PROT_READ | PROT_WRITE,
        MAP_PRIVATE_ANONYMOUS,
        NO_FILE,
        0n,
      );
      return address === MAP_FAILED ? null : address;
    },
    makeExecutable: (address, bytes) =>
      symbols.mprotect(address, BigInt(bytes), PROT_READ | PROT_EXEC) === 0,
    unmap(address, bytes) {
      symbols.munmap(address, BigInt(bytes));
    },
    call(address, memory) {
      // Of one element, compare(key, element) is called once.
      symbols.bsearch(0, memory, 1n, 0n, Deno.UnsafePointer.create(address));
    },
  };
}
