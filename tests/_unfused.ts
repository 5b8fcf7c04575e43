/**
 * Loaded before the tests, makes them use WebAssembly as runtimes without relaxed SIMD do:
 * `deno test --preload=tests/_unfused.ts`.
 *
 * @module
 */

import { UNFUSED_WASM_TARGET } from "../src/codegen/target.ts";
import { setAutomaticTarget } from "../src/engine/backend.ts";

setAutomaticTarget(UNFUSED_WASM_TARGET);
