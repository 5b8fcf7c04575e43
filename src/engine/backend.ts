/**
 * Which code an engine runs.
 *
 * @module
 */

import { CPU_WORDS, encodeCpuQuery, targetOfCpu } from "../codegen/x64/cpu.ts";
import type { Target } from "../codegen/target.ts";
import { missingForNativeCode, type NativeCode, nativeCode } from "../platform/native_code.ts";
import { CodeMemory } from "./code_memory.ts";
import type { Compiler } from "./compiler.ts";
import { NativeCompiler } from "./native_compiler.ts";
import { PAGE_BYTES } from "./shared_memory.ts";
import { wasmCompiler, wasmTarget } from "./wasm_compiler.ts";

/**
 * Which code an engine runs: `"wasm"` is WebAssembly SIMD, `"native"` machine code, `"auto"` the
 * fastest that may be run.
 */
export type Backend = "auto" | "wasm" | "native";

/** What keeps machine code from being run. */
interface Obstacle {
  readonly missing: string;
}

/** What `"auto"` is to take instead of the best; tests choose a narrower instruction set. */
let automatic: Target | null = null;

/**
 * Makes every later engine of this thread that is left to choose take one target, or the best again. Of the
 * two of WebAssembly, engines that are to take WebAssembly take it as well.
 */
export function setAutomaticTarget(target: Target | null): void {
  automatic = target;
}

/**
 * The compiler for a backend.
 *
 * @throws {Error} If it cannot be had; the message names what is missing.
 */
export function compilerFor(backend: Backend): Compiler {
  if (backend === "wasm" || backend === "auto" && automatic?.name === "wasm") return webAssembly();
  const native = nativeCompiler();
  if (!("missing" in native)) return native;
  if (backend === "auto") return webAssembly();
  throw new Error(`Engine: backend "native" needs ${native.missing}`);
}

function webAssembly(): Compiler {
  return wasmCompiler(automatic?.name === "wasm" ? automatic : wasmTarget());
}

/** What machine code needs and this host or its permissions do not give; `null` if it can be run. */
export function missingForNative(): string | null {
  const native = nativeCompiler();
  return "missing" in native ? native.missing : null;
}

/** What has been found out about this host; permissions may be granted later, the host stays. */
let host: { readonly native: NativeCode; readonly target: Target } | Obstacle | null = null;

function nativeCompiler(): NativeCompiler | Obstacle {
  const missing = missingForNativeCode();
  if (missing !== null) return { missing };
  host ??= exploreHost();
  if ("missing" in host) return host;
  const { native, target } = host;
  if (automatic === null || automatic.name === "wasm") {
    return new NativeCompiler(target, native);
  }
  if (automatic.lanes > target.lanes) return { missing: `a processor with ${automatic.name}` };
  return new NativeCompiler(automatic, native);
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
