/**
 * Loaded before the tests, draws much: `deno test --preload=tests/_deep.ts`.
 *
 * @module
 */

import { setDepth } from "./_depth.ts";

setDepth(3);
