/**
 * Loaded before the tests, makes them use WebAssembly where machine code could be had:
 * `deno test --preload=tests/_wasm.ts`.
 *
 * @module
 */

import { WASM_TARGET } from "../src/codegen/target.ts";
import { setAutomaticTarget } from "../src/engine/backend.ts";

setAutomaticTarget(WASM_TARGET);
