/**
 * The one door to native functions: the few of the C library by which machine code becomes executable and is called.
 * Deno, Node.js and Bun have ways of their own to call them.
 *
 * @module
 */

import { nodeModule } from "./node.ts";

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

/** Modules by which other runtimes than Deno call native functions: that of Node.js, that of Bun. */
const MODULES = ["node:ffi", "bun:ffi"] as const;

/** What keeps native code for Linux on x86-64 from being called here; `null` if nothing does. Asks the user nothing. */
export function missingForNativeCode(): string | null {
  return "Deno" in globalThis ? missingInDeno() : missingInOthers();
}

function missingInDeno(): string | null {
  const { os, arch } = Deno.build;
  if (os !== "linux" || arch !== "x86_64") return describeSystem(os, arch);
  const isGranted = Deno.permissions.querySync({ name: "ffi" }).state === "granted";
  return isGranted ? null : PERMISSION;
}

function missingInOthers(): string | null {
  const process = nodeModule("node:process");
  if (process === null || !MODULES.some(hasModule)) {
    return "a runtime that calls native functions: Deno, Bun, or Node.js from 26.1 on with --experimental-ffi";
  }
  const { platform, arch } = process;
  if (platform !== "linux" || arch !== "x64") return describeSystem(platform, arch);
  return permissionOfNode(process) === false ? PERMISSION : null;
}

const PERMISSION = "the permission --allow-ffi";

function describeSystem(system: string, architecture: string): string {
  return `Linux on x86-64, but this is ${system} on ${architecture}`;
}

/** Whether there is a module. To load that of Node.js has a warning printed. */
function hasModule(name: string): boolean {
  return nodeModule("node:module")?.isBuiltin(name) ?? false;
}

/** Whether native functions may be called, where Node.js was started with `--permission`; otherwise `undefined`. */
function permissionOfNode(process: object): boolean | undefined {
  return Reflect.get(process, "permission")?.has("ffi");
}

/**
 * Whether the user has said that native functions may be called: by a permission, or by the flag of Node.js. Bun
 * asks nobody, so nobody has said so there.
 */
export function isNativeCodeAllowed(): boolean {
  if ("Deno" in globalThis) return missingInDeno() === null;
  const process = nodeModule("node:process");
  if (process === null || !hasModule("node:ffi")) return false;
  const { execArgv, env } = process;
  const flags = [...execArgv, ...(env["NODE_OPTIONS"] ?? "").split(/\s+/)];
  return permissionOfNode(process) ?? flags.includes("--experimental-ffi");
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

/** The functions of C that are called. A pointer or a size is what fills a register of the processor. */
interface CFunctions<Pointer> {
  mprotect(address: Pointer, bytes: Pointer, protection: number): number;
  madvise(address: Pointer, bytes: Pointer, advice: number): number;
  tfind(key: number, root: Pointer, compare: Pointer): void;
}

/** How a runtime calls them. */
interface Foreign<Pointer> {
  readonly library: CFunctions<Pointer>;
  addressOf(array: ArrayBufferView<ArrayBufferLike>): number;
  pointerTo(address: number): Pointer;
}

type Open<Opened> = (path: string, signatures: object) => Opened;

/** What is used of Deno. */
interface DenoFunctions {
  readonly dlopen: Open<{ readonly symbols: CFunctions<Deno.PointerValue> }>;
  readonly UnsafePointer: typeof Deno.UnsafePointer;
}

/** What is used of `node:ffi`. */
interface NodeFunctions {
  readonly dlopen: Open<{ readonly functions: CFunctions<bigint> }>;
  getRawPointer(array: ArrayBufferView<ArrayBufferLike>): bigint;
}

/** What is used of `bun:ffi`. */
interface BunFunctions {
  readonly dlopen: Open<{ readonly symbols: CFunctions<number> }>;
  ptr(array: ArrayBufferView<ArrayBufferLike>): number;
}

/**
 * Opens the door on this thread. It stands alone: threads are given its text (see `src/engine/pool.ts`).
 *
 * @throws If this is no Linux with the GNU C library, or the permission is missing.
 */
export function openNativeCode(): NativeCode {
  const LIBRARY = "libc.so.6";
  const doors = {
    /** As a runtime reads them, by its own words for what goes in and for what comes out. */
    signatures(parameters: string, result: string): object {
      return {
        mprotect: { [parameters]: ["pointer", "pointer", "i32"], [result]: "i32" },
        madvise: { [parameters]: ["pointer", "pointer", "i32"], [result]: "i32" },
        tfind: { [parameters]: ["u32", "pointer", "pointer"], [result]: "void" },
      };
    },

    ofDeno({ dlopen, UnsafePointer }: DenoFunctions): Foreign<Deno.PointerValue> {
      return {
        library: dlopen(LIBRARY, doors.signatures("parameters", "result")).symbols,
        addressOf(array) {
          return Number(UnsafePointer.value(UnsafePointer.of(array)));
        },
        pointerTo(address) {
          return UnsafePointer.create(BigInt(address));
        },
      };
    },

    ofNode({ dlopen, getRawPointer }: NodeFunctions): Foreign<bigint> {
      return {
        library: dlopen(LIBRARY, doors.signatures("arguments", "return")).functions,
        addressOf(array) {
          return Number(getRawPointer(array));
        },
        pointerTo(address) {
          return BigInt(address);
        },
      };
    },

    ofBun({ dlopen, ptr }: BunFunctions): Foreign<number> {
      return {
        library: dlopen(LIBRARY, doors.signatures("args", "returns")).symbols,
        addressOf({ buffer, byteOffset, byteLength }) {
          // A small array has no buffer until it is asked for, and then moves there.
          return ptr(new Uint8Array(buffer, byteOffset, byteLength));
        },
        pointerTo(address) {
          return address;
        },
      };
    },

    through<Pointer>({ library, addressOf, pointerTo }: Foreign<Pointer>): NativeCode {
      // tfind(key, root, compare) calls compare(key, node->key) for each node on its way down a tree. The tree is
      // one node: where the node is, its key, no node to either side, no colour; 64 bits each, the low word first.
      // A function of the library is called in 10 to 20 nanoseconds in Deno and Bun, in 40 to 200 in Node.js;
      // Deno's calls of mere addresses take 3000, and a function of more than three parameters 700 in Node.js.
      const tree = new Uint32Array(new ArrayBuffer(40));
      const start = addressOf(tree);
      const root = pointerTo(start);
      tree.set([start + 8, (start + 8) / 2 ** 32]);
      return {
        addressOf,
        protect(address, bytes, protection) {
          return library.mprotect(pointerTo(address), pointerTo(bytes), protection) === 0;
        },
        useHugePages(address, bytes) {
          // MADV_HUGEPAGE of Linux's <sys/mman.h>. A host that does not have them goes on as it did.
          library.madvise(pointerTo(address), pointerTo(bytes), 14);
        },
        caller(entry, argument) {
          const { tfind } = library;
          const code = pointerTo(Number(entry));
          const address = addressOf(argument);
          return () => {
            tree[2] = address;
            tree[3] = address / 2 ** 32;
            tfind(0, root, code);
          };
        },
      };
    },
  };
  const host: object = globalThis;
  const deno: DenoFunctions | undefined = Reflect.get(host, "Deno");
  if (deno !== undefined) return doors.through(doors.ofDeno(deno));
  const process = Reflect.get(host, "process");
  const node: NodeFunctions | undefined = process.getBuiltinModule("node:ffi");
  if (node !== undefined) return doors.through(doors.ofNode(node));
  return doors.through(doors.ofBun(process.getBuiltinModule("bun:ffi")));
}
