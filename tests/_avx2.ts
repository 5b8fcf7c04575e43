/**
 * Loaded before the tests, makes them use AVX2 where AVX-512 could be had:
 * `deno test --preload=tests/_avx2.ts`.
 *
 * @module
 */

import { AVX2_TARGET } from "../src/codegen/target.ts";
import { setAutomaticTarget } from "../src/engine/backend.ts";

setAutomaticTarget(AVX2_TARGET);
