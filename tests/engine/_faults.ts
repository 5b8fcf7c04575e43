import type { Compiler } from "../../src/engine/compiler.ts";
import { compilerFor } from "../../src/engine/backend.ts";
import { Pool } from "../../src/engine/pool.ts";
import { Runtime } from "../../src/engine/runtime.ts";
import { CONTROL, SharedMemory } from "../../src/engine/shared_memory.ts";
import { claimTiles, machineCodeLoader, runUnit, serveTiles } from "../../workers/tiles.ts";

/** A word of the control block that nobody uses. */
export const SPARE_WORD = CONTROL.states - 1;

/**
 * For ever, as far as the runtime can know: until the memory has been left, lest the worker keep a core
 * from the tests after it. Nobody can stop a worker that is running.
 */
export const FOR_EVER = `while (Atomics.load(words, ${CONTROL.end}) === 0)`;
