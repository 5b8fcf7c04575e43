import * as fc from "fast-check";
import { FLOAT_BYTES, type Instruction, type Program } from "../../src/codegen/program.ts";

/** Parameters of the random programs: they read through the first and write through the second. */
export const [READ, WRITE] = [0, 1];

/** Registers for what is loaded, and as many for sums, unless otherwise told. */
const REGISTERS = 5;

/** Elements of random programs' offsets. */
const MOST_OFFSET = 40;

/** Instructions of a program, besides those in loops. */
const MOST_STEPS = 20;

/** How far their pointers move at a time, in elements. */
const MOST_STEP = 8;

/**
 * Programs of all instructions.
 *
 * @param lanes Of a vector.
 * @param locals Local pointers for reading, and as many for writing.
 * @param registers For what is loaded, and as many for sums: so sums of small integers stay exact.
 */
export function randomPrograms(
  lanes: number,
  locals: number,
  registers: number = REGISTERS,
): fc.Arbitrary<Program> {
  const reading = [READ, ...range(2, locals)];
  const writing = [WRITE, ...range(2 + locals, locals)];
  const start = [
    ...reading.slice(1).map((dst): Instruction => ({
      op: "point",
      dst,
      src: READ,
      bytes: 12 * dst,
    })),
    ...writing.slice(1).map((dst): Instruction => ({
      op: "point",
      dst,
      src: WRITE,
      bytes: -20 * dst,
    })),
  ];
  return randomBody(lanes, registers, reading, writing).map((body) => ({
    name: "random",
    lanes,
    parameters: 2,
    pointers: 2 + 2 * locals,
    registers: 2 * registers,
    body: [...start, ...body],
  }));
}

function randomBody(
  lanes: number,
  registers: number,
  readPointers: readonly number[],
  writePointers: readonly number[],
): fc.Arbitrary<Instruction[]> {
  const loaded = fc.nat(registers - 1);
  const sum = loaded.map((register) => registers + register);
  const any = fc.nat(2 * registers - 1);
  const reading = fc.constantFrom(...readPointers);
  const writing = fc.constantFrom(...writePointers);
  const lane = fc.nat(lanes - 1);
  const some = fc.oneof(fc.integer({ min: 1, max: lanes }), fc.constant(lanes));
  const offset = fc.integer({ min: -4, max: MOST_OFFSET }).map((element) => element * FLOAT_BYTES);
  const offsets = randomOffsets(lanes);
  const bytes = fc.integer({ min: -MOST_STEP, max: MOST_STEP })
    .map((element) => element * FLOAT_BYTES);
  const op = <T extends string>(name: T) => fc.constant(name);
  const copies = (names: fc.Arbitrary<number>, from: fc.Arbitrary<number>) => [
    fc.record({ op: op("lane"), dst: names, src: from, lane }),
    fc.record({ op: op("copy"), dst: names, src: from }),
  ];
  const fma = fc.record({ op: op("fma"), acc: sum, a: loaded, b: loaded });
  const load = fc.record({ op: op("load"), dst: loaded, ptr: reading, offset, lanes: some });
  const broadcast = fc.record({ op: op("broadcast"), dst: loaded, ptr: reading, offset });
  const shuffle = fc.record({
    op: op("shuffle"),
    dst: loaded,
    a: loaded,
    b: loaded,
    lanes: randomShuffle(lanes),
  });
  const advance = fc.record({
    op: op("advance"),
    ptr: fc.constantFrom(...readPointers, ...writePointers),
    bytes,
  });
  const simple: fc.Arbitrary<Instruction>[] = [
    fc.record({ op: op("zero"), dst: any }),
    load,
    load,
    fc.record({ op: op("store"), src: any, ptr: writing, offset, lanes: some }),
    fc.record({ op: op("store"), src: any, ptr: writing, offset, lanes: some }),
    fc.record({ op: op("gather"), dst: loaded, ptr: reading, offsets }),
    fc.record({ op: op("scatter"), src: any, ptr: writing, offsets }),
    broadcast,
    broadcast,
    fc.record({
      op: op("prefetch"),
      ptr: fc.constantFrom(...readPointers, ...writePointers),
      offset: fc.constantFrom(-64, 0, 1000 * FLOAT_BYTES, 2 ** 30),
    }),
    ...copies(loaded, loaded),
    ...copies(sum, any),
    fc.record({ op: op("constant"), dst: loaded, value: fc.constantFrom(-2, -0, 0, 1, 3) }),
    fc.record({ op: op("add"), dst: sum, a: loaded, b: loaded }),
    fc.record({ op: op("sub"), dst: sum, a: loaded, b: loaded }),
    fc.record({ op: op("mul"), dst: sum, a: loaded, b: loaded }),
    fc.record({ op: op("max"), dst: loaded, a: loaded, b: loaded }),
    fc.record({ op: op("min"), dst: loaded, a: loaded, b: loaded }),
    fc.record({ op: op("pmax"), dst: loaded, a: loaded, b: loaded }),
    fc.record({ op: op("pmin"), dst: loaded, a: loaded, b: loaded }),
    fc.record({ op: op("select"), dst: loaded, a: any, b: loaded, c: loaded }),
    fc.record({ op: op("select"), dst: sum, a: loaded, b: any, c: any }),
    shuffle,
    shuffle,
    fma,
    fma,
    advance,
    advance,
    fc.record({ op: op("point"), dst: reading, src: reading, bytes }),
    fc.record({ op: op("point"), dst: writing, src: writing, bytes }),
  ];
  const one = fc.oneof(...simple).map((instruction) => [instruction]);
  // What is loaded for one use may be a part of it, depending on what happens in between.
  const used = fc.record({
    load: fc.oneof(load, broadcast),
    between: fc.array(fc.oneof(...simple), { maxLength: 2 }),
    use: fc.constantFrom("fma", "add", "sub", "mul"),
    other: loaded,
    dst: sum,
    isFirst: fc.boolean(),
  }).map(({ load, between, use, other, dst, isFirst }): Instruction[] => {
    const [a, b] = isFirst ? [load.dst, other] : [other, load.dst];
    const last: Instruction = use === "fma" ? { op: use, acc: dst, a, b } : { op: use, dst, a, b };
    return [load, ...between, last];
  });
  const straight = fc.oneof({ weight: 4, arbitrary: one }, { weight: 1, arbitrary: used });
  const block = (part: fc.Arbitrary<Instruction[]>, maxLength: number) =>
    fc.array(part, { minLength: 1, maxLength }).map((parts) => parts.flat());
  const loopOf = (part: fc.Arbitrary<Instruction[]>): fc.Arbitrary<Instruction[]> =>
    fc.record({ count: fc.integer({ min: 1, max: 3 }), body: block(part, 8) })
      .map(({ count, body }) => [{ op: "loop", count, body }]);
  const withLoops = (part: fc.Arbitrary<Instruction[]>) =>
    fc.oneof({ weight: 20, arbitrary: part }, { weight: 1, arbitrary: loopOf(part) });
  return block(
    fc.oneof(
      { weight: 20, arbitrary: straight },
      { weight: 2, arbitrary: loopOf(withLoops(straight)) },
    ),
    MOST_STEPS,
  );
}

/** Offsets of a gather or a scatter: anywhere, or evenly apart. */
function randomOffsets(lanes: number): fc.Arbitrary<number[]> {
  const element = fc.nat(MOST_OFFSET);
  const count = fc.oneof(fc.integer({ min: 1, max: lanes }), fc.constant(lanes));
  const even = fc.record({ start: element, step: fc.integer({ min: -4, max: 4 }), count })
    .map(({ start, step, count }) =>
      range(0, count).map((i) => start + (step < 0 ? i + 1 - count : i) * step)
    );
  return fc.oneof(fc.array(element, { minLength: 1, maxLength: lanes }), even)
    .map((elements) => elements.map((each) => each * FLOAT_BYTES));
}

/** Lanes of a shuffle: any, or such as there is an instruction for. */
function randomShuffle(lanes: number): fc.Arbitrary<number[]> {
  const all = range(0, lanes);
  const any = fc.nat(2 * lanes - 1);
  const each = fc.array(any, { minLength: lanes, maxLength: lanes });
  const source = fc.constantFrom(0, lanes);
  const blocks = fc.array(fc.nat(lanes / 2 - 1), { minLength: lanes / 4, maxLength: lanes / 4 })
    .map((blocks) => all.map((i) => 4 * (blocks[i >> 2] ?? 0) + i % 4));
  const halves = fc.record({ first: source, second: source, blocks }).map((
    { first, second, blocks },
  ) => blocks.map((lane, i) => lane % lanes + (i < lanes / 2 ? first : second)));
  const within = fc.record({
    first: source,
    second: source,
    lanes: fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }),
  }).map(({ first, second, lanes }) =>
    all.map((i) => (i % 4 < 2 ? first : second) + i - i % 4 + (lanes[i % 4] ?? 0))
  );
  const interleaved = fc.record({ first: source, second: source, half: fc.constantFrom(0, 2) })
    .map(({ first, second, half }) =>
      all.map((i) => (i % 2 === 0 ? first : second) + i - i % 4 + half + (i % 4 >> 1))
    );
  return fc.oneof(
    each,
    any.map((lane) => all.map(() => lane)),
    each.map((values) => values.map((lane) => lane % lanes)),
    blocks,
    halves,
    within,
    within.map((index) => all.map((i) => index[i % 8 >= 2 && i % 8 < 6 ? i ^ 6 : i] ?? 0)),
    interleaved,
    any.map((start) => all.map((i) => (start + i) % (2 * lanes))),
    fc.record({ start: any, source }).map(({ start, source }) =>
      all.map((i) => source + (start + i) % lanes)
    ),
    each.map((values) => values.map((lane, i) => i + (lane < lanes ? 0 : lanes))),
    fc.record({ source, step: fc.constantFrom(0, 1) }).map(({ step }) =>
      all.map((i) => 2 * i + step)
    ),
  );
}

function range(start: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => start + i);
}
