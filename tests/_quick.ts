/**
 * Loaded before the tests, draws little: `deno test --preload=tests/_quick.ts`.
 *
 * @module
 */

import { setDepth } from "./_depth.ts";

setDepth(1 / 8);
