/**
 * How much memory a command may ask for in all, and how it is shared out: the process with its threads, the
 * engine's shared memory, and the rest for arrays and pictures.
 *
 * @module
 */

import { describeExcess } from "../base/checks.ts";
import { MOST_MEMORY_BYTES } from "../engine/shared_memory.ts";
import type { Arguments, Flag } from "./args.ts";
import { bytesFlag, integerFlag } from "./values.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** With less, nothing is left beside the process itself. */
const LEAST_BYTES = 256 * MIB;

const DEFAULT_BYTES = 4 * GIB;

/** Deno with the code of every command and the garbage of small arrays: 64 to 110 MiB were seen. */
const PROCESS_BYTES = 128 * MIB;

/** One more thread takes 11 MiB as it starts, and some code as it computes. */
const THREAD_BYTES = 16 * MIB;

/** Of the whole, what the engine shares among its threads; work that is larger is done in pieces. */
const ENGINE_SHARE = 1 / 4;

/** The flag that says how much. */
export const MEMORY_FLAG: Flag = {
  name: "memory",
  value: "size",
  description: `the most to ask for in all, such as 512M or 6G; default ${spell(DEFAULT_BYTES)}`,
};

/** What a command may ask for. */
export interface MemoryLimit {
  /** In all. */
  readonly bytes: number;
  /** Of these, what the process takes before it has any array. */
  readonly processBytes: number;
}

/**
 * The limit that a command line sets.
 *
 * @throws {UsageError} If a flag is wrong.
 */
export function memoryLimit(args: Arguments): MemoryLimit {
  const threads = integerFlag(args, "threads", 1) ?? navigator.hardwareConcurrency;
  const processBytes = PROCESS_BYTES + threads * THREAD_BYTES;
  // A machine of hundreds of cores must not be refused its own threads.
  const bytes = bytesFlag(args, "memory", LEAST_BYTES) ?? Math.max(DEFAULT_BYTES, 2 * processBytes);
  return { bytes, processBytes };
}

/** What a command may take besides the process and the engine. */
export function bytesLeft(limit: MemoryLimit): number {
  return limit.bytes - limit.processBytes - engineBytes(limit);
}

/** The size of the engine's shared memory. */
export function engineBytes({ bytes }: Pick<MemoryLimit, "bytes">): number {
  return Math.min(Math.floor(bytes * ENGINE_SHARE), MOST_MEMORY_BYTES);
}

/**
 * Refuses work that would take more than the limit, before anything is allocated for it.
 *
 * @param limit The limit.
 * @param what What takes it, as the beginning of a sentence.
 * @param arrays The bytes of all that is in memory besides the process and the engine.
 * @throws {Error} If it is too much; the message says how much it takes and what to do.
 */
export function checkMemory(limit: MemoryLimit, what: string, arrays: number): void {
  const taken = limit.processBytes + engineBytes(limit) + arrays;
  if (taken <= limit.bytes) return;
  throw new Error(
    `${what} takes ${describeExcess(taken, limit.bytes)} of memory that may be asked for; allow ` +
      "more with --memory " + spell(sufficient(limit.processBytes + arrays)),
  );
}

/**
 * Refuses work for which the memory that the threads share is too little.
 *
 * @param what What takes it, as the beginning of a sentence.
 * @param bytes What it takes.
 * @param shared What there is.
 * @throws {Error} If it is too much; the message says how much it takes and what to do.
 */
export function checkShared(what: string, bytes: number, shared: number): void {
  if (bytes <= shared) return;
  throw new Error(
    `${what} takes ${describeExcess(bytes, shared)} of memory that its threads share; allow more ` +
      "with --memory " + spell(bytes / ENGINE_SHARE),
  );
}

/** The least limit that leaves so many bytes beside the engine's share. */
function sufficient(rest: number): number {
  const shared = rest / (1 - ENGINE_SHARE);
  return Math.max(LEAST_BYTES, rest + engineBytes({ bytes: shared }));
}

/** A size as {@linkcode MEMORY_FLAG} takes it, rounded up. */
function spell(bytes: number): string {
  return bytes >= 4 * GIB ? `${Math.ceil(bytes / GIB)}G` : `${Math.ceil(bytes / MIB)}M`;
}
