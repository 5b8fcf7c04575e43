/**
 * How tiles are claimed and run, the same on every thread. Each function here must stand alone: the
 * worker's module is made from their text (see `src/engine/pool.ts`), so they may use only their
 * arguments and globals. What would be a function with a name of its own in one of them is a method: bundlers
 * that keep names make of the former a call of a helper, which no worker has.
 *
 * Control block, in 32-bit words:
 *
 * | word | what it holds |
 * | --- | --- |
 * | 0 | generation of the published job; workers sleep on it |
 * | 1 | claim: low 16 bits of the generation, then the next unclaimed unit |
 * | 2 | done: low 16 bits of the generation, then the number of finished units |
 * | 3, 4 | the job's description: address in words, length in words |
 * | 5 | workers that have started |
 * | 6 | 1 when the workers are to end |
 * | 7 | generation of the job while its description and code may be read, else 0 |
 * | 8 | address, in words, up to which the buffer that is being filled may be read |
 * | 16 ... | state of each unit: generation, thread, finished bit |
 *
 * The generation in claim, done and states makes every word of an old job recognisable: a thread that
 * was away while jobs came and went can claim nothing and count nothing.
 *
 * @module
 */

import type { NativeCode, openNativeCode } from "../src/platform/native_code.ts";

/** A job as every thread reads it. */
export interface TileJob {
  /** The control block. */
  readonly control: Int32Array;
  readonly generation: number;
  /** The words that `src/engine/job.ts` encodes. */
  readonly words: Int32Array;
  readonly functions: readonly ((...pointers: number[]) => void)[];
}

/**
 * Claims and runs units of a job until none is left, the job is over, or `mayGoOn` says no.
 *
 * @param job What to run.
 * @param thread Number of the calling thread, from 0.
 * @param mayGoOn Asked before each claim.
 */
export function claimTiles(
  job: TileJob,
  thread: number,
  run: (job: TileJob, unit: number, thread: number) => void,
  mayGoOn: () => boolean,
): void {
  const CLAIM = 1, DONE = 2, READABLE = 7, STATES = 16;
  const { control } = job;
  const generation = job.generation & 0xffff;
  const units = job.words[3] ?? 0;
  const threads = job.words[6] ?? 0;
  if (thread >= threads) return;
  while (mayGoOn()) {
    // The low bits come again after 65536 jobs, the whole generation does not.
    if (Atomics.load(control, READABLE) !== job.generation) return;
    const claim = Atomics.load(control, CLAIM);
    const unit = claim & 0xffff;
    if (claim >>> 16 !== generation || unit >= units) return;
    if (Atomics.compareExchange(control, CLAIM, claim, claim + 1) !== claim) continue;
    const claimed = generation << 16 | thread << 1;
    Atomics.store(control, STATES + unit, claimed);
    run(job, unit, thread);
    // Fails if the unit was taken over and finished by another thread meanwhile.
    if (Atomics.compareExchange(control, STATES + unit, claimed, claimed | 1) !== claimed) continue;
    for (;;) {
      const done = Atomics.load(control, DONE);
      if (done >>> 16 !== generation) return;
      if (Atomics.compareExchange(control, DONE, done, done + 1) !== done) continue;
      if ((done & 0xffff) + 1 === units) Atomics.notify(control, DONE);
      break;
    }
  }
}

/**
 * Runs the tiles of one unit: decodes where they lie in their grids and calls their program, as soon as
 * what they read has been filled in.
 */
export function runUnit(
  { control, words, functions }: TileJob,
  unit: number,
  thread: number,
): void {
  const FILLED = 8, SPINS = 2000, SLEEP_MS = 1;
  const { word } = {
    word(index: number): number {
      return words[index] ?? 0;
    },
  };
  const perUnit = word(4);
  const grids = word(5);
  let tile = unit * perUnit;
  let left = perUnit;
  let at = 7;
  for (let grid = 0; grid < grids && left > 0; grid++) {
    const tiles = word(at + 1);
    const axes = word(at + 2);
    const parameters = word(at + 3);
    const extents = at + 4;
    const firstArgument = extents + axes;
    at = firstArgument + parameters * (axes + 4);
    if (tile >= tiles) {
      tile -= tiles;
      continue;
    }
    const call = functions[word(extents - 4)];
    for (; tile < tiles && left > 0; tile++, left--) {
      const pointers: number[] = [];
      let needed = 0;
      for (let p = 0; p < parameters; p++) {
        const argument = firstArgument + p * (axes + 4);
        const reach = word(argument + 2);
        let pointer = word(argument) + word(argument + 1) * 2 ** 32 + thread * word(argument + 3);
        let index = tile;
        // Innermost axis last, as the extents are given.
        for (let axis = axes - 1; axis >= 0; axis--) {
          const extent = word(extents + axis);
          const position = index % extent;
          index = (index - position) / extent;
          pointer += position * word(argument + 4 + axis);
        }
        pointers.push(pointer);
        if (reach > 0) needed = Math.max(needed, (pointer + reach) / 4);
      }
      // The thread that fills the buffer is at it, and waits for nobody.
      for (let spin = 0; needed > 0; spin++) {
        const filled = Atomics.load(control, FILLED);
        if (filled >= needed) break;
        if (spin > SPINS) Atomics.wait(control, FILLED, filled, SLEEP_MS);
      }
      call?.(...pointers);
    }
    tile = 0;
  }
}

/**
 * Makes machine code callable on this thread.
 *
 * @param native How to call it.
 * @param memory The shared memory, to whose start the functions' pointers are relative.
 * @returns Makes functions of what `src/engine/native_compiler.ts` writes: a word that tells it from a
 * WebAssembly module, then the address of each function, all of 64 bits.
 */
export function machineCodeLoader(
  native: NativeCode,
  memory: WebAssembly.Memory,
): (code: Uint8Array<ArrayBuffer>) => ((...pointers: number[]) => void)[] {
  const MOST_PARAMETERS = 32;
  const start = native.addressOf(new Uint8Array(memory.buffer));
  // Addresses of 64 bits, the low word first.
  const args = new Uint32Array(2 * MOST_PARAMETERS);
  return (code) =>
    Array.from(new BigUint64Array(code.buffer, code.byteOffset).subarray(1), (address) => {
      const call = native.caller(address, args);
      return (...pointers) => {
        for (let p = 0; p < pointers.length; p++) {
          const address = start + (pointers[p] ?? 0);
          args[2 * p] = address;
          args[2 * p + 1] = address / 2 ** 32;
        }
        call();
      };
    });
}

/** What a worker is started with. */
export interface WorkerStart {
  readonly memory: WebAssembly.Memory;
  /**
   * What machine code lies in, or `null`. Nobody reads it: a thread that may run the code holds it, so that it
   * stays where it is when the thread that wrote it has ended.
   */
  readonly codeMemory: WebAssembly.Memory | null;
  /** Word index of the control block in the memory. */
  readonly control: number;
  /** Words of the control block. */
  readonly controlWords: number;
  readonly thread: number;
}

/** The functions of this module, as the worker gets them. */
export interface TileFunctions {
  readonly claimTiles: typeof claimTiles;
  readonly runUnit: typeof runUnit;
  readonly openNativeCode: typeof openNativeCode;
  readonly machineCodeLoader: typeof machineCodeLoader;
}

/** What a worker thread does: sleep until a job is published, help with it, sleep again. */
export async function serveTiles(
  start: WorkerStart,
  { claimTiles, runUnit, openNativeCode, machineCodeLoader }: TileFunctions,
): Promise<void> {
  const GENERATION = 0, ADDRESS = 3, LENGTH = 4, STARTED = 5, END = 6, READABLE = 7;
  // A poll takes 15 nanoseconds. Few are longer than the pause between two phases and shorter than anyone
  // minds. Waking up takes 20 to 50 microseconds, so where the last job came soon, it pays to stay awake for
  // the next one: two threads of machine code took 44 instead of 60 microseconds for a depthwise layer.
  const FEW_SPINS = 2000, MANY_SPINS = 20000, SOON_MS = 0.3;
  // Nobody says when the thread that owns the pool has been terminated. Its threads end with it where they
  // come to their event loop: so they do now and then while there is nothing to do.
  const IDLE_MS = 500;
  const MOST_MODULES = 512;
  // "\0asm".
  const WASM_MAGIC = 0x6d736100;
  const { memory, thread } = start;
  const words = new Int32Array(memory.buffer);
  const control = words.subarray(start.control, start.control + start.controlWords);
  const modules = new Map<number, TileJob["functions"]>();

  let loadMachineCode: ReturnType<typeof machineCodeLoader> | null = null;

  const jobs = {
    /**
     * Whether what has been read of a job so far was really its own: the calling thread clears the word
     * before it uses that memory for anything else, by a read-modify-write as well. Of the two the second one knows
     * what was done before the first, on processors, too, that otherwise let others see writes in another order.
     */
    wasReadable(generation: number): boolean {
      return Atomics.add(control, READABLE, 0) === generation;
    },

    instantiate(code: Uint8Array<ArrayBuffer>): TileJob["functions"] {
      const [first] = new Uint32Array(code.buffer, 0, 1);
      if (first !== WASM_MAGIC) {
        loadMachineCode ??= machineCodeLoader(openNativeCode(), memory);
        return loadMachineCode(code);
      }
      const imports = { "": { m0: memory } };
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), imports);
      const functions: ((...pointers: number[]) => void)[] = [];
      for (;;) {
        const entry = exports[functions.length];
        if (typeof entry !== "function") return functions;
        functions.push(entry as (...pointers: number[]) => void);
      }
    },

    /** The job of a generation, or `null` if it was over before it had been read. */
    read(generation: number): TileJob | null {
      const address = Atomics.load(control, ADDRESS);
      const job = words.slice(address, address + Atomics.load(control, LENGTH));
      if (!jobs.wasReadable(generation)) return null;
      const [id = 0, codeAddress = 0, codeBytes = 0] = job;
      let functions = modules.get(id);
      if (functions === undefined) {
        const code = new Uint8Array(memory.buffer, codeAddress, codeBytes).slice();
        if (!jobs.wasReadable(generation)) return null;
        functions = jobs.instantiate(code);
        const [oldest] = modules.keys();
        if (modules.size >= MOST_MODULES && oldest !== undefined) modules.delete(oldest);
        modules.set(id, functions);
      }
      return { control, generation, words: job, functions };
    },
  };

  Atomics.add(control, STARTED, 1);
  let seen = 0;
  let spins = FEW_SPINS;
  for (;;) {
    const start = performance.now();
    for (let spin = 0; spin < spins && Atomics.load(control, GENERATION) === seen; spin++);
    while (Atomics.wait(control, GENERATION, seen, IDLE_MS) === "timed-out") {
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    spins = performance.now() - start < SOON_MS ? MANY_SPINS : FEW_SPINS;
    if (Atomics.load(control, END) === 1) return;
    const generation = Atomics.load(control, GENERATION);
    if (generation === seen) continue;
    seen = generation;
    const job = jobs.read(generation);
    if (job !== null) claimTiles(job, thread, runUnit, () => true);
  }
}
