import { CPU_WORDS, encodeCpuQuery, targetOfCpu } from "../../src/codegen/x64/cpu.ts";
import type { Program } from "../../src/codegen/program.ts";
import { AVX2_TARGET, AVX512_TARGET, type Target } from "../../src/codegen/target.ts";
import { encodeX64 } from "../../src/codegen/x64/encode.ts";

/** The C library's functions by which code is run. */
function openLibrary() {
  return Deno.dlopen("libc.so.6", {
    mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
    mprotect: { parameters: ["pointer", "usize", "i32"], result: "i32" },
    munmap: { parameters: ["pointer", "usize"], result: "i32" },
    bsearch: { parameters: ["u32", "pointer", "pointer", "pointer", "pointer"], result: "void" },
  });
}

let library: ReturnType<typeof openLibrary> | null = null;

function libc() {
  library ??= openLibrary();
  return library.symbols;
}

const [PROT_NONE, PROT_READ, PROT_WRITE, PROT_EXEC] = [0, 1, 2, 4];
const MAP_PRIVATE_ANONYMOUS = 0x22;

/** Bytes of a page of memory. */
export const PAGE_BYTES = 4096;

/** Whole pages, outside of what the runtime manages. */
export class Pages implements Disposable {
  readonly pointer: Deno.PointerObject;
  readonly bytes: number;

  constructor(bytes: number) {
    this.bytes = Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
    const protection = PROT_READ | PROT_WRITE;
    const pointer = libc().mmap(
      null,
      BigInt(this.bytes),
      protection,
      MAP_PRIVATE_ANONYMOUS,
      -1,
      0n,
    );
    if (pointer === null) throw new Error("There is no memory left");
    this.pointer = pointer;
  }

  get address(): bigint {
    return Deno.UnsafePointer.value(this.pointer);
  }

  /** What is in them. */
  view(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(new Deno.UnsafePointerView(this.pointer).getArrayBuffer(this.bytes));
  }

  /** Lets them be run and no longer be written. */
  makeExecutable(): void {
    this.#protect(0, this.bytes, PROT_READ | PROT_EXEC);
  }

  /** Makes any access to some of them a fault. */
  forbid(offset: number, bytes: number): void {
    this.#protect(offset, bytes, PROT_NONE);
  }

  [Symbol.dispose](): void {
    libc().munmap(this.pointer, BigInt(this.bytes));
  }

  #protect(offset: number, bytes: number, protection: number): void {
    const from = Deno.UnsafePointer.create(this.address + BigInt(offset));
    if (libc().mprotect(from, BigInt(bytes), protection) !== 0) {
      throw new Error(`Memory cannot be protected by ${protection}`);
    }
  }
}

/** Whether machine code of x86-64 can be run. */
export const IS_X64_LINUX: boolean = Deno.build.os === "linux" && Deno.build.arch === "x86_64";

/** Pages that hold code. */
export function executable(code: Uint8Array): Pages {
  const pages = new Pages(code.length);
  pages.view().set(code);
  pages.makeExecutable();
  return pages;
}

/** Calls a function of some code; it finds `argument` where it expects its arguments. */
export function callNative(code: Pages, entry: number, argument: Uint32Array<ArrayBuffer>): void {
  // bsearch() passes on the address of the array that is searched, which has one element here.
  libc().bsearch(
    0,
    Deno.UnsafePointer.of(argument),
    Deno.UnsafePointer.create(1n),
    null,
    Deno.UnsafePointer.create(code.address + BigInt(entry)),
  );
}

/** The targets whose instructions the processor has. */
export function nativeTargets(): Target[] {
  if (!IS_X64_LINUX) return [];
  const words = new Uint32Array(CPU_WORDS);
  using code = executable(encodeCpuQuery());
  callNative(code, 0, words);
  const best = targetOfCpu(words);
  if (best === null) return [];
  return best.name === "avx512" ? [AVX2_TARGET, AVX512_TARGET] : [best];
}

/** Vector programs as machine code that can be run on a piece of memory. */
export class NativePrograms implements Disposable {
  readonly #pages: Pages;
  readonly #entries: readonly number[];
  readonly #memoryBase: bigint;

  constructor(programs: readonly Program[], target: Target, memoryBase: bigint) {
    const { code, entries } = encodeX64(programs, target);
    this.#memoryBase = memoryBase;
    this.#pages = executable(code);
    this.#entries = entries;
  }

  /** Runs a program; its pointers are bytes from the start of the memory. */
  run(index: number, ...pointers: number[]): void {
    const addresses = BigUint64Array.from(pointers, (bytes) => this.#memoryBase + BigInt(bytes));
    callNative(this.#pages, this.#entries[index] ?? 0, new Uint32Array(addresses.buffer));
  }

  [Symbol.dispose](): void {
    this.#pages[Symbol.dispose]();
  }
}
