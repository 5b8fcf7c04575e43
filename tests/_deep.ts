/**
 * Loaded before the tests, draws much: `deno test --preload=tests/_deep.ts`.
 *
 * @module
 */

import { DEEP, setDepth } from "./_depth.ts";

setDepth(DEEP);
