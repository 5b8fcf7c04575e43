/**
 * Which code an engine runs.
 *
 * @module
 */

import type { Target } from "../codegen/target.ts";
import type { Compiler } from "./compiler.ts";
import { isNativeCodeAllowed, nativeCompiler } from "./native.ts";
import { wasmCompiler, wasmTarget } from "./wasm_compiler.ts";

/**
 * Which code an engine runs: `"wasm"` is WebAssembly SIMD, `"native"` machine code, `"auto"` the
 * fastest that the user has allowed.
 */
export type Backend = "auto" | "wasm" | "native";

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
  if (backend === "wasm") return webAssembly();
  if (backend === "auto" && (automatic?.name === "wasm" || !isNativeCodeAllowed())) {
    return webAssembly();
  }
  const native = nativeCompiler(automatic);
  if (!("missing" in native)) return native;
  if (backend === "auto") return webAssembly();
  throw new Error(`Engine: backend "native" needs ${native.missing}`);
}

function webAssembly(): Compiler {
  return wasmCompiler(automatic?.name === "wasm" ? automatic : wasmTarget());
}

/** What machine code needs and this host or its permissions do not give; `null` if it can be run. */
export function missingForNative(): string | null {
  const native = nativeCompiler(automatic);
  return "missing" in native ? native.missing : null;
}
