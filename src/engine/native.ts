/**
 * The compiler of machine code, and whether this host and its permissions have what it needs. Where that can never
 * be, the module is replaced by `no_native.ts`: nothing else leads to the encoders of machine code.
 *
 * @module
 */

import type { Target } from "../codegen/target.ts";
import { CPU_WORDS, encodeCpuQuery, targetOfCpu } from "../codegen/x64/cpu.ts";
import { missingForNativeCode, type NativeCode, nativeCode } from "../platform/native_code.ts";
import { CodeMemory } from "./code_memory.ts";
import type { Compiler, Obstacle } from "./compiler.ts";
import { NativeCompiler } from "./native_compiler.ts";
import { PAGE_BYTES } from "./shared_memory.ts";

export { isNativeCodeAllowed, openNativeCode } from "../platform/native_code.ts";

/** What has been found out about this host; permissions may be granted later, the host stays. */
let host: { readonly native: NativeCode; readonly target: Target } | Obstacle | null = null;

/**
 * The compiler of machine code.
 *
 * @param wanted What to take instead of the best; a target of WebAssembly says nothing here.
 */
export function nativeCompiler(wanted: Target | null): Compiler | Obstacle {
  const missing = missingForNativeCode();
  if (missing !== null) return { missing };
  host ??= exploreHost();
  if ("missing" in host) return host;
  const { native, target } = host;
  if (wanted === null || wanted.name === "wasm") return new NativeCompiler(target, native);
  if (wanted.lanes > target.lanes) return { missing: `a processor with ${wanted.name}` };
  return new NativeCompiler(wanted, native);
}

/** Opens the library, and asks the processor what it has: in machine code, there is no other way. */
function exploreHost(): { readonly native: NativeCode; readonly target: Target } | Obstacle {
  let native: NativeCode;
  try {
    native = nativeCode();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { missing: `the GNU C library (libc.so.6): ${reason}` };
  }
  const code = new CodeMemory(native, PAGE_BYTES).place(encodeCpuQuery());
  if (code === null) return { missing: "executable memory, which this host does not give" };
  const words = new Uint32Array(CPU_WORDS);
  native.caller(code.address, words)();
  code.release();
  const target = targetOfCpu(words);
  if (target === null) return { missing: "a processor with AVX2 and FMA, or with AVX-512" };
  return { native, target };
}
