import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { Conv2d, Engine, Tensor } from "../../mod.ts";
import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../src/codegen/program.ts";
import { WASM_TARGET } from "../../src/codegen/target.ts";
import type { PhaseRun } from "../../src/engine/dispatcher.ts";
import { runtimeOf } from "../../src/engine/engine.ts";
import { CONTROL } from "../../src/engine/shared_memory.ts";
import { unitsOf } from "../../src/engine/job.ts";
import type { Task } from "../../src/engine/runtime.ts";
import { type EarlyCopy, Emptying } from "../../src/engine/transfer.ts";
import type { Grid, Phase } from "../../src/engine/work.ts";
import { draws } from "../_depth.ts";
import { sameBits } from "./_same.ts";

const [SOURCE, TARGET] = [0, 1];
const { lanes } = WASM_TARGET;

/** Copies some vectors from its first pointer to its second. */
function copyProgram(vectors: number): Program {
  const code = new ProgramBuilder("copy", lanes, 2);
  const [value = 0] = code.registers(1);
  code.loop(vectors, () => {
    code.load(value, 0, 0);
    code.store(value, 1, 0);
    code.advance(0, lanes * FLOAT_BYTES);
    code.advance(1, lanes * FLOAT_BYTES);
  });
  return code.build();
}

/** Vectors that a tile copies. */
const TILE = 40;
const TILE_ELEMENTS = TILE * lanes;
const TILE_BYTES = TILE_ELEMENTS * FLOAT_BYTES;

/** Tiles that copy a buffer to another: `order[i]` is the place of tile `i`. */
function copyPhase(order: readonly number[]): Phase {
  const grids: Grid[] = order.map((place) => ({
    program: 0,
    extents: [1],
    args: [SOURCE, TARGET].map((buffer) => ({
      buffer,
      offset: place * TILE_BYTES,
      threadStep: 0,
      steps: [0],
    })),
  }));
  return { name: "copy", programs: [copyProgram(TILE)], grids, cost: 1e6 };
}

/** A transfer that notes what it is asked for. */
function transferOf(length: number, buffer = TARGET) {
  const parts: [from: number, to: number][] = [];
  let opened = 0;
  const transfer: EarlyCopy = {
    buffer,
    length,
    open: () => void opened++,
    copy: (from, to) => void parts.push([from, to]),
  };
  return { transfer, parts, isOpen: () => opened === 1 };
}

Deno.test("Emptying copies an element once, and not before its unit and all that may write it are done", () => {
  const TILES = 60;
  const order = fc.array(fc.nat(3), { minLength: TILES, maxLength: TILES }).map((noise) =>
    noise.map((each, tile) => ({ tile, key: tile + each }))
      .sort((a, b) => a.key - b.key).map(({ tile }) => tile)
  );
  const finishing = fc.shuffledSubarray(Array.from({ length: TILES }, (_, unit) => unit), {
    minLength: TILES,
  });
  fc.assert(
    fc.property(order, finishing, (order, finishing) => {
      const phase = copyPhase(order);
      assertEquals(unitsOf(phase), TILES);
      const length = TILES * TILE_ELEMENTS;
      const { transfer, parts } = transferOf(length);
      const done = new Set<number>();
      const emptying = Emptying.of(transfer, phase, (unit) => done.has(unit));
      if (emptying === null) throw new Error("It is not thought worth it");
      for (const unit of finishing) {
        done.add(unit);
        emptying.advance();
        const copied = parts.at(-1)?.[1] ?? 0;
        order.forEach((place, unit) => {
          assert(done.has(unit) || place * TILE_ELEMENTS >= copied);
        });
      }
      while (!emptying.isDone) emptying.advance();
      emptying.advance();
      let end = 0;
      for (const [from, to] of parts) {
        assertEquals(from, end);
        assert(to > from);
        end = to;
      }
      assertEquals(end, length);
    }),
    { seed: 1, numRuns: draws(200) },
  );
});

Deno.test("Emptying knows what units of many tiles leave alone", () => {
  const extents = [5, 4, 11, 100];
  const tiles = extents.reduce((a, b) => a * b, 1);
  // Outer axes run forward and backward; the innermost steps back within what the others leave apart.
  const strides = [4 * 11 * 100, 11 * 100, 100, 1];
  const program = copyProgram(1);
  const step = lanes * FLOAT_BYTES;
  for (const signs of [[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, 1]]) {
    const steps = strides.map((stride, axis) => stride * (signs[axis] ?? 1) * step);
    const offset = steps.reduce(
      (sum, bytes, axis) => sum + Math.max(0, -bytes) * ((extents[axis] ?? 1) - 1),
      0,
    );
    const args = [SOURCE, TARGET].map((buffer) => ({ buffer, offset, threadStep: 0, steps }));
    const phase: Phase = {
      name: "copy",
      programs: [program],
      grids: [{ program: 0, extents, args }],
      cost: 1e6,
    };
    const places = Array.from({ length: tiles }, (_, tile) => {
      let rest = tile;
      let place = offset;
      for (let axis = extents.length - 1; axis >= 0; axis--) {
        place += rest % (extents[axis] ?? 1) * (steps[axis] ?? 0);
        rest = Math.floor(rest / (extents[axis] ?? 1));
      }
      return place / FLOAT_BYTES;
    });
    const perUnit = Math.ceil(tiles / unitsOf(phase));
    assert(perUnit > 1);
    const { transfer, parts } = transferOf(tiles * lanes);
    let done = 0;
    const emptying = Emptying.of(transfer, phase, (unit) => unit < done);
    if (emptying === null) throw new Error("It is not thought worth it");
    for (; done < unitsOf(phase); done += 500) {
      for (let before = -1; before < parts.length;) {
        before = parts.length;
        emptying.advance();
      }
      const left = places.slice(done * perUnit).reduce((a, b) => Math.min(a, b), Infinity);
      const copied = parts.at(-1)?.[1] ?? 0;
      assert(copied <= left && left - copied < 4096, `${copied} copied, ${left} final`);
    }
  }
});

Deno.test("Emptying is not worth it where nothing is final before the end", () => {
  const TILES = 60;
  const forwards = Array.from({ length: TILES }, (_, tile) => tile);
  const { transfer } = transferOf(TILES * TILE_ELEMENTS);
  assert(Emptying.of(transfer, copyPhase(forwards), () => true) !== null);
  assertStrictEquals(Emptying.of(transfer, copyPhase(forwards.toReversed()), () => true), null);
});

/** Copies an array through two buffers, filling the one and emptying the other while tiles run. */
function* copyThrough(
  runtime: ReturnType<typeof runtimeOf>,
  input: Float32Array,
  order: readonly number[],
  fill: (from: number, to: number) => void = () => {},
): Task<Float32Array> {
  const block = runtime.allocate(2 * input.byteLength);
  const { address } = block;
  const bases = [address, address + input.byteLength];
  const [source, target] = bases.map((base) => runtime.floats(base, input.length));
  const output = new Float32Array(input.length);
  let isOpen = false;
  const run: PhaseRun = {
    phase: copyPhase(order),
    bases,
    filling: {
      buffer: SOURCE,
      length: input.length,
      isLive: false,
      copy(from, to) {
        fill(from, to);
        source?.set(input.subarray(from, to), from);
      },
    },
    emptying: {
      buffer: TARGET,
      length: input.length,
      open() {
        isOpen = true;
      },
      copy: (from, to) => output.set(target?.subarray(from, to) ?? [], from),
    },
  };
  try {
    source?.fill(NaN);
    target?.fill(NaN);
    yield run;
    return isOpen || target === undefined ? output : target.slice();
  } finally {
    runtime.release(block);
  }
}

for (const threads of [1, 2, 4]) {
  Deno.test(`Tiles wait for what they read, and what they write comes out: ${threads} threads`, async () => {
    using engine = new Engine({ threads, backend: "wasm" });
    await engine.ready;
    const runtime = runtimeOf(engine);
    const TILES = 300;
    const input = Float32Array.from({ length: TILES * TILE_ELEMENTS }, (_, i) => i);
    const forwards = Array.from({ length: TILES }, (_, tile) => tile);
    for (const order of [forwards, forwards.toReversed()]) {
      for (let round = 0; round < 20; round++) {
        assert(sameBits(runtime.runSync(copyThrough(runtime, input, order)), input));
        assert(sameBits(await runtime.run(copyThrough(runtime, input, order)), input));
      }
    }
  });
}

Deno.test("Tiles begin while what others read is being filled, and wait for all that they read", async () => {
  using engine = new Engine({ threads: 2, backend: "wasm" });
  await engine.ready;
  const runtime = runtimeOf(engine);
  const { control } = runtime.shared;
  const TILES = 300;
  const input = Float32Array.from({ length: TILES * TILE_ELEMENTS }, (_, i) => i + 1);
  const order = Array.from({ length: TILES }, (_, tile) => tile);
  // Parts end in the middle of a tile, which has begun to wait by the time that the rest of it comes.
  const fill = (from: number) => {
    if (from === 0) return;
    const isReadable = (Atomics.load(control, CONTROL.readable)) !== 0;
    const whole = Math.floor(from / TILE_ELEMENTS);
    const limit = performance.now() + 20_000;
    while (isReadable && (Atomics.load(control, CONTROL.done) & 0xffff) < whole) {
      if (performance.now() > limit) throw new Error("Nobody begins");
    }
    const pause = performance.now() + 2;
    while (performance.now() < pause);
  };
  for (let round = 0; round < 3; round++) {
    assert(sameBits(runtime.runSync(copyThrough(runtime, input, order, fill)), input));
  }
});

Deno.test("A buffer is filled to its end, although nobody reads it before the next phase", async () => {
  using engine = new Engine({ threads: 3, backend: "wasm" });
  await engine.ready;
  const runtime = runtimeOf(engine);
  const TILES = 300;
  const ELEMENTS = TILES * TILE_ELEMENTS;
  const order = Array.from({ length: TILES }, (_, tile) => tile);
  function* task(): Task<number> {
    const block = runtime.allocate(2 * ELEMENTS * FLOAT_BYTES);
    let filled = 0;
    try {
      yield {
        phase: copyPhase(order),
        bases: [block.address, block.address + ELEMENTS * FLOAT_BYTES],
        filling: {
          buffer: 2,
          length: 50_000,
          isLive: false,
          copy(_from, to) {
            // Longer than a slice, so that the others are done long before.
            for (const begin = performance.now(); performance.now() - begin < 5;);
            filled = to;
          },
        },
      };
      return filled;
    } finally {
      runtime.release(block);
    }
  }
  assertEquals(await runtime.run(task()), 50_000);
  assertEquals(runtime.runSync(task()), 50_000);
});

Deno.test("A copy that fails half-way fails the call, and the engine goes on", async () => {
  using engine = new Engine({ threads: 3, backend: "wasm" });
  await engine.ready;
  const runtime = runtimeOf(engine);
  const TILES = 300;
  const input = Float32Array.from({ length: TILES * TILE_ELEMENTS }, (_, i) => i);
  const order = Array.from({ length: TILES }, (_, tile) => tile);
  const free = runtime.shared.heap.freeBytes;
  const fail = (from: number) => {
    if (from > 0) throw new TypeError("It is gone");
  };
  for (let round = 0; round < 5; round++) {
    assertThrows(
      () => runtime.runSync(copyThrough(runtime, input, order, fail)),
      TypeError,
      "gone",
    );
    assert(sameBits(runtime.runSync(copyThrough(runtime, input, order)), input));
  }
  assert(!runtime.lostThread);
  // Only the code of the phase is kept.
  assert(free - runtime.shared.heap.freeBytes < 2 ** 16);
});

Deno.test("A layer whose outputs are read gives the same ones as one whose outputs are not", async () => {
  using engine = new Engine({ threads: 2, backend: "wasm" });
  using alone = new Engine({ threads: 1, backend: "wasm" });
  await engine.ready;
  // Its tiles write one channel after the other, so outputs are copied while it is at work.
  const options = { groups: 64, padding: 1, seed: 1 };
  const input = Tensor.randn([2, 64, 40, 40], { seed: 2 });
  const expected = new Conv2d(64, 64, 3, { ...options, engine: alone }).forwardSync(input).data;
  const layer = new Conv2d(64, 64, 3, { ...options, engine });
  const next = new Conv2d(64, 8, 1, { seed: 3, engine });
  const expectedNext = next.forwardSync(new Tensor(expected, input.shape)).data;
  const { results } = runtimeOf(engine);
  for (const isRead of [true, true, false, false, true, false, true, true]) {
    const output = layer.forwardSync(input);
    // Whether it has been copied already or not, it can be used where it is.
    assert(sameBits(next.forwardSync(output).data, expectedNext));
    if (isRead) assert(sameBits(output.data, expected));
    assertEquals(results.areReadFrom(layer.weight), isRead);
    const later = await layer.forward(input);
    if (isRead) assert(sameBits(later.data, expected));
    assert(sameBits(next.forwardSync(later).data, expectedNext));
  }
});
