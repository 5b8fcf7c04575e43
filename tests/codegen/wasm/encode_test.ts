import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import {
  br_if,
  f32x4,
  f64x2,
  func,
  i32,
  i32x4,
  i8x16,
  importMemory,
  type Local,
  local,
  Module,
  type Type,
  v128,
  type ValueType,
} from "wasmati";
import { range } from "../../../src/base/numbers.ts";
import { fusedMultiplyAdd, interpret } from "../../../src/codegen/interpret.ts";
import {
  FLOAT_BYTES,
  type Instruction,
  type Program,
  ProgramBuilder,
} from "../../../src/codegen/program.ts";
import { type Target, UNFUSED_WASM_TARGET, WASM_TARGET } from "../../../src/codegen/target.ts";
import { encodeWasm, memoryImport } from "../../../src/codegen/wasm/encode.ts";
import { geometryOf, layerCases } from "../../_arbitrary.ts";
import { draws } from "../../_depth.ts";
import { multiplyAddOf, planOf } from "../../_interpret_plan.ts";
import { selections } from "../_selections.ts";

const LANES = 4;
const PAGE_BYTES = 64 * 1024;

/** Size of the memory of the encoding tests. */
const PAGES = 3;

/** How many locals of each kind the programs of the encoding tests have: more than one byte counts. */
const SIZES = { parameters: 2, pointers: 140, registers: 150 };

function program(body: readonly Instruction[], changes: Partial<Program> = {}): Program {
  return { name: "test", lanes: LANES, ...SIZES, body, ...changes };
}

/** A pointer, or a loop's counter, as the assembler names it. */
function pointer(index: number): Local<"i32"> {
  return { kind: "local", type: "i32", index };
}

/** A register of a program with so many loop counters. */
function register(index: number, counters = 0): Local<"v128"> {
  return { kind: "local", type: "v128", index: SIZES.pointers + counters + index };
}

/** A memory of which only the limits matter: the module is never instantiated. */
function limits(pages: number) {
  const none = new WebAssembly.Memory({ initial: 0, maximum: 1, shared: true });
  return importMemory({ min: pages, max: pages, shared: true }, none);
}

/** A function as a general assembler makes it, with the locals of {@linkcode program}. */
function assembledFunction(write: () => void, counters = 0, parameters = SIZES.parameters) {
  const repeat = <T extends ValueType>(type: Type<T>, count: number) =>
    Array.from({ length: count }, () => type);
  const locals: [Type<ValueType>, ...Type<ValueType>[]] = [
    i32,
    ...repeat(i32, SIZES.pointers - parameters - 1 + counters),
    ...repeat(v128, SIZES.registers),
  ];
  const input: [Type<"i32">, ...Type<"i32">[]] = [i32, ...repeat(i32, parameters - 1)];
  return func({ in: input, locals, out: [] }, write);
}

/** The module that a general assembler makes of one function. */
function assembled(write: () => void, counters: number): Uint8Array {
  const exports = { 0: assembledFunction(write, counters) };
  return withoutDataCount(Module({ exports, memory: limits(PAGES) }).toBytes());
}

function assertSameModule(
  body: readonly Instruction[],
  write: () => void,
  target: Target = WASM_TARGET,
): void {
  const bytes = encodeWasm([program(body)], PAGES, target);
  assertSameBytes(bytes, assembled(write, 0));
  assert(WebAssembly.validate(bytes));
}

function assertSameBytes(actual: Uint8Array, expected: Uint8Array): void {
  const hex = (bytes: Uint8Array, start: number) =>
    [...bytes.subarray(start, start + 16)].map((byte) => byte.toString(16).padStart(2, "0"));
  for (let start = 0; start < Math.max(actual.length, expected.length); start += 16) {
    assertEquals(hex(actual, start), hex(expected, start), `The bytes from ${start} on differ`);
  }
}

/** The sections of a module: the identifier of each and where it begins and ends. */
function sectionsOf(module: Uint8Array): { id: number; start: number; end: number }[] {
  const sections = [];
  for (let start = 8; start < module.length;) {
    let [size, at, shift] = [0, start + 1, 0];
    for (;;) {
      const byte = module[at++] ?? 0;
      size += (byte & 0x7f) << shift;
      shift += 7;
      if (byte < 0x80) break;
    }
    sections.push({ id: module[start] ?? 0, start, end: at + size });
    start = at + size;
  }
  return sections;
}

/** The assembler counts data segments even where there are none. */
function withoutDataCount(module: Uint8Array): Uint8Array {
  const kept = sectionsOf(module).filter(({ id }) => id !== DATA_COUNT_SECTION);
  return Uint8Array.from([
    ...module.subarray(0, 8),
    ...kept.flatMap(({ start, end }) => [...module.subarray(start, end)]),
  ]);
}

const DATA_COUNT_SECTION = 12;

/** Where the length of an unsigned LEB128 number changes, as far as addresses go. */
const OFFSETS = [
  0,
  4,
  63,
  64,
  127,
  128,
  16383,
  16384,
  2 ** 21 - 1,
  2 ** 21,
  2 ** 28 - 1,
  2 ** 28,
  2 ** 31 - 4,
  2 ** 31,
  2 ** 32 - 16,
];

/** Where the length of a signed one changes, and the ends of 32 bits. */
const STEPS = [6, 13, 20, 27].flatMap((bits) => [
  2 ** bits - 1,
  2 ** bits,
  -(2 ** bits),
  -(2 ** bits) - 1,
]).concat([1, -1, 2 ** 31 - 1, -(2 ** 31)]);

/** Addresses are multiples of an element, not of a vector. */
const ALIGN = 4;

Deno.test('encodeWasm() encodes "zero", "copy" and "fma" as an assembler does', () => {
  const [a, b, acc] = [3, 4, 140] as const;
  assertSameModule([{ op: "zero", dst: acc }], () => {
    v128.const("i32x4", [0, 0, 0, 0]);
    local.set(register(acc));
  });
  assertSameModule([{ op: "copy", dst: acc, src: a }], () => {
    local.get(register(a));
    local.set(register(acc));
  });
  for (const once of [{}, { once: true }] as const) {
    assertSameModule([{ op: "fma", acc, a, b, ...once }], () => {
      local.get(register(a));
      local.get(register(b));
      local.get(register(acc));
      f32x4.relaxed_madd();
      local.set(register(acc));
    });
  }
});

Deno.test('encodeWasm() encodes "fma" without relaxed instructions as an assembler does', () => {
  const [a, b, acc] = [3, 4, 140] as const;
  assertSameModule([{ op: "fma", acc, a, b }], () => {
    local.get(register(a));
    local.get(register(b));
    f32x4.mul();
    local.get(register(acc));
    f32x4.add();
    local.set(register(acc));
  }, UNFUSED_WASM_TARGET);
});

Deno.test('encodeWasm() encodes "fma" that rounds once without relaxed instructions as an assembler does', () => {
  const [a, b, acc] = [3, 4, 140] as const;
  const lanesOf = (...lanes: number[]) =>
    lanes.flatMap((lane) => range(4).map((i) => 4 * lane + i));
  const pushHalf = (push: (register: number) => void) => {
    push(a);
    f64x2.promote_low_f32x4();
    push(b);
    f64x2.promote_low_f32x4();
    f64x2.mul();
    push(acc);
    f64x2.promote_low_f32x4();
    f64x2.add();
    f32x4.demote_f64x2_zero();
  };
  assertSameModule([{ op: "fma", acc, a, b, once: true }], () => {
    pushHalf((index) => local.get(register(index)));
    pushHalf((index) => {
      local.get(register(index));
      local.get(register(index));
      i8x16.shuffle(lanesOf(2, 3, 0, 1));
    });
    i8x16.shuffle(lanesOf(0, 1, 4, 5));
    local.set(register(acc));
  }, UNFUSED_WASM_TARGET);
});

Deno.test("encodeWasm() encodes the arithmetic of two registers as an assembler does", () => {
  const [a, b, dst] = [3, 4, 140] as const;
  const operations = {
    add: f32x4.add,
    sub: f32x4.sub,
    mul: f32x4.mul,
    div: f32x4.div,
    max: f32x4.max,
    min: f32x4.min,
  };
  for (const op of ["add", "sub", "mul", "div", "max", "min"] as const) {
    assertSameModule([{ op, dst, a, b }], () => {
      local.get(register(a));
      local.get(register(b));
      operations[op]();
      local.set(register(dst));
    });
  }
});

Deno.test('encodeWasm() encodes "sqrt" and "shift" as an assembler does', () => {
  const [src, dst] = [3, 140] as const;
  assertSameModule([{ op: "sqrt", dst, src }], () => {
    local.get(register(src));
    f32x4.sqrt();
    local.set(register(dst));
  });
  assertSameModule([{ op: "shift", dst, src, bits: 23 }], () => {
    local.get(register(src));
    i32.const(23);
    i32x4.shl();
    local.set(register(dst));
  });
});

Deno.test('encodeWasm() encodes "select" as an assembler does', () => {
  const [a, b, c, dst] = [3, 4, 140, 5] as const;
  assertSameModule([{ op: "select", dst, a, b, c }], () => {
    local.get(register(c));
    local.get(register(b));
    local.get(register(a));
    v128.const("f32x4", [0, 0, 0, 0]);
    f32x4.le();
    v128.bitselect();
    local.set(register(dst));
  });
});

Deno.test('encodeWasm() encodes "constant" as an assembler does', () => {
  for (const value of [0, 1, -0.5, 6, 0.1, 1e-40, Infinity]) {
    assertSameModule([{ op: "constant", dst: 2, value }], () => {
      v128.const("f32x4", [value, value, value, value]);
      local.set(register(2));
    });
  }
});

Deno.test('encodeWasm() encodes "shuffle" as an assembler does', () => {
  for (const lanes of [[0, 1, 2, 3], [0, 4, 1, 5], [2, 6, 3, 7], [7, 0, 7, 0]]) {
    const bytes = lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte));
    assertSameModule([{ op: "shuffle", dst: 1, a: 2, b: 3, lanes }], () => {
      local.get(register(2));
      local.get(register(3));
      i8x16.shuffle(bytes);
      local.set(register(1));
    });
  }
});

Deno.test('encodeWasm() encodes "lane" as an assembler does', () => {
  for (const lane of [0, 1, 2, 3]) {
    const bytes = [0, 1, 2, 3].flatMap(() => [0, 1, 2, 3].map((byte) => 4 * lane + byte));
    assertSameModule([{ op: "lane", dst: 1, src: 2, lane }], () => {
      local.get(register(2));
      local.get(register(2));
      i8x16.shuffle(bytes);
      local.set(register(1));
    });
  }
});

Deno.test('encodeWasm() encodes "load" of every number of lanes as an assembler does', () => {
  for (const offset of OFFSETS) {
    const [ptr, dst] = [130, 149];
    const load = (lanes: number, write: () => void) =>
      assertSameModule([{ op: "load", dst, ptr, offset, lanes }], () => {
        local.get(pointer(ptr));
        write();
        local.set(register(dst));
      });
    load(4, () => v128.load({ offset, align: ALIGN }));
    load(2, () => v128.load64_zero({ offset, align: ALIGN }));
    load(1, () => v128.load32_zero({ offset, align: ALIGN }));
    load(3, () => {
      v128.load64_zero({ offset, align: ALIGN });
      local.set(register(dst));
      local.get(pointer(ptr));
      local.get(register(dst));
      v128.load32_lane({ offset: offset + 8, align: ALIGN }, 2);
    });
  }
});

Deno.test('encodeWasm() encodes "store" of every number of lanes as an assembler does', () => {
  for (const offset of OFFSETS) {
    const [ptr, src] = [0, 0];
    const store = (lanes: number, ...parts: (() => void)[]) =>
      assertSameModule([{ op: "store", src, ptr, offset, lanes }], () => {
        for (const write of parts) {
          local.get(pointer(ptr));
          local.get(register(src));
          write();
        }
      });
    const low = () => v128.store64_lane({ offset, align: ALIGN }, 0);
    store(4, () => v128.store({ offset, align: ALIGN }));
    store(3, low, () => v128.store32_lane({ offset: offset + 8, align: ALIGN }, 2));
    store(2, low);
    store(1, () => v128.store32_lane({ offset, align: ALIGN }, 0));
  }
});

Deno.test('encodeWasm() encodes "gather", "scatter" and "broadcast" as an assembler does', () => {
  const [ptr, reg] = [1, 127];
  for (const [index, offset] of OFFSETS.entries()) {
    assertSameModule([{ op: "broadcast", dst: reg, ptr, offset }], () => {
      local.get(pointer(ptr));
      v128.load32_splat({ offset, align: ALIGN });
      local.set(register(reg));
    });
    const rotated = [...OFFSETS.slice(index), ...OFFSETS.slice(0, index)];
    for (const lanes of [1, 2, 3, 4]) {
      const offsets = rotated.slice(0, lanes);
      assertSameModule([{ op: "gather", dst: reg, ptr, offsets }], () => {
        offsets.forEach((offset, lane) => {
          local.get(pointer(ptr));
          if (lane === 0) {
            v128.load32_zero({ offset, align: ALIGN });
          } else {
            local.get(register(reg));
            v128.load32_lane({ offset, align: ALIGN }, lane);
          }
          local.set(register(reg));
        });
      });
      assertSameModule([{ op: "scatter", src: reg, ptr, offsets }], () => {
        offsets.forEach((offset, lane) => {
          local.get(pointer(ptr));
          local.get(register(reg));
          v128.store32_lane({ offset, align: ALIGN }, lane);
        });
      });
    }
  }
});

Deno.test('encodeWasm() encodes "advance" and "point" as an assembler does', () => {
  for (const bytes of STEPS) {
    for (const [dst, src] of [[0, 0], [139, 1], [128, 127]] as const) {
      const write = () => {
        local.get(pointer(src));
        i32.const(bytes);
        i32.add();
        local.set(pointer(dst));
      };
      assertSameModule([{ op: "point", dst, src, bytes }], write);
      if (dst === src) assertSameModule([{ op: "advance", ptr: dst, bytes }], write);
    }
  }
  assertSameModule([{ op: "point", dst: 2, src: 1, bytes: 0 }], () => {
    local.get(pointer(1));
    local.set(pointer(2));
  });
});

/** The instructions that a general assembler makes, at most some dozens and no blocks. */
function instructions(write: () => void, counters: number): number[] {
  const start = assembled(() => {}, counters).length - 1;
  return [...assembled(write, counters).subarray(start, -1)];
}

/** A counted loop. The assembler gives even an empty block a type of its own, so it is put in here. */
function countedLoop(count: number, counter: number, counters: number, body: number[]): number[] {
  const start = instructions(() => {
    i32.const(count);
    local.set(pointer(counter));
  }, counters);
  const end = instructions(() => {
    local.get(pointer(counter));
    i32.const(-1);
    i32.add();
    local.tee(pointer(counter));
    br_if(0);
  }, counters);
  const [loop, noType, endOfLoop] = [0x03, 0x40, 0x0b];
  return [...start, loop, noType, ...body, ...end, endOfLoop];
}

Deno.test('encodeWasm() encodes "loop" as an assembler does', () => {
  const assertEndsWith = (body: readonly Instruction[], expected: number[]) => {
    const bytes = encodeWasm([program(body)], PAGES, WASM_TARGET);
    const endOfFunction = 0x0b;
    const end = Uint8Array.from([...expected, endOfFunction]);
    assertSameBytes(bytes.slice(-end.length), end);
    assert(WebAssembly.validate(bytes));
  };
  const copy: Instruction = { op: "copy", dst: 1, src: 2 };
  const copyIn = (counters: number) =>
    instructions(() => {
      local.get(register(2, counters));
      local.set(register(1, counters));
    }, counters);
  const first = SIZES.pointers;
  for (const count of STEPS.filter((step) => step > 0)) {
    assertEndsWith(
      [{ op: "loop", count, body: [copy] }],
      countedLoop(count, first, 1, copyIn(1)),
    );
  }
  assertEndsWith(
    [
      { op: "loop", count: 2, body: [copy, { op: "loop", count: 300, body: [copy] }, copy] },
      { op: "loop", count: 5, body: [copy] },
    ],
    [
      ...countedLoop(2, first, 2, [
        ...copyIn(2),
        ...countedLoop(300, first + 1, 2, copyIn(2)),
        ...copyIn(2),
      ]),
      ...countedLoop(5, first, 2, copyIn(2)),
    ],
  );
});

Deno.test("encodeWasm() encodes long programs as an assembler does", () => {
  for (const length of [100, 4000]) {
    const offsets = Array.from({ length }, (_, i) => 4 * i);
    const body = offsets.map((offset): Instruction => ({
      op: "load",
      dst: 1,
      ptr: 0,
      offset,
      lanes: 4,
    }));
    assertSameModule(body, () => {
      for (const offset of offsets) {
        local.get(pointer(0));
        v128.load({ offset, align: ALIGN });
        local.set(register(1));
      }
    });
  }
});

Deno.test("encodeWasm() puts many functions of several types into one module", () => {
  const parameters = [2, 3, 1, 2, 2, 3, 1, 4, 2, 2, 3, 1, 1];
  const write = (index: number) => () => {
    local.get(register(index));
    local.set(register(index + 1));
  };
  const programs = parameters.map((count, index) =>
    program([{ op: "copy", src: index, dst: index + 1 }], { parameters: count })
  );
  for (const pages of [1, 127, 128, 16384, 32767]) {
    const functions = parameters.map((count, index) =>
      [index, assembledFunction(write(index), 0, count)] as const
    );
    const exports = Object.fromEntries(functions);
    const expected = Module({ exports, memory: limits(pages) }).toBytes();
    const bytes = encodeWasm(programs, pages, WASM_TARGET);
    assertSameBytes(bytes, withoutDataCount(expected));
    assert(WebAssembly.validate(bytes));
  }
});

Deno.test("encodeWasm() refuses a program that is not for four lanes", () => {
  for (const lanes of [1, 8, 16]) {
    assertThrows(
      () => encodeWasm([program([], { name: "wide", lanes })], 1, WASM_TARGET),
      RangeError,
      `Program "wide" is for ${lanes} lanes, not 4`,
    );
  }
});

Deno.test("encodeWasm() refuses a negative offset", () => {
  const offset = -4;
  const offsets = [0, offset];
  const bodies: Instruction[] = [
    { op: "load", dst: 0, ptr: 0, offset, lanes: 4 },
    { op: "load", dst: 0, ptr: 0, offset, lanes: 1 },
    { op: "store", src: 0, ptr: 0, offset, lanes: 3 },
    { op: "broadcast", dst: 0, ptr: 0, offset },
    { op: "gather", dst: 0, ptr: 0, offsets },
    { op: "scatter", src: 0, ptr: 0, offsets },
  ];
  for (const instruction of bodies) {
    for (const body of [[instruction], [{ op: "loop", count: 2, body: [instruction] } as const]]) {
      assertThrows(() => encodeWasm([program(body)], 1, WASM_TARGET), RangeError, "Offset -4");
    }
  }
});

/** Pages of what the random programs read, and as many of what they write. */
const SIDE_PAGES = 4;
const SIDE_BYTES = SIDE_PAGES * PAGE_BYTES;

/** Random programs read through pointers 0 and 2 and write through 1 and 3, from the middle on. */
const READING = [0, 2];
const WRITING = [1, 3];

/** Loads go to the first registers, sums to the others: sums of small integers stay exact. */
const LOADED = [0, 1, 2, 3];
const SUMS = [4, 5, 6];

Deno.test('"select" takes the third where the first is at most 0, also in its own register', () => {
  const { input, program, expected } = selections(LANES);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const all = new Float32Array(memory.buffer);
  all.set(input);
  const bytes = encodeWasm([program], 1, WASM_TARGET);
  const { exports } = new WebAssembly.Instance(
    new WebAssembly.Module(bytes),
    memoryImport(memory),
  );
  const run = exports[0] as (...pointers: number[]) => void;
  run(0, input.length * FLOAT_BYTES);
  assertEquals([...all.subarray(input.length, input.length + expected.length)], expected);
});

/** Where single precision ends and loses bits, and what is no number. */
const FACTORS = [
  ...[0, 1 / 3, 1, 1 + 2 ** -13, 1 + 2 ** -23, Math.PI, 2 ** -75, 2 ** -149, 3e38, Infinity]
    .flatMap((value) => [value, -value]),
  NaN,
].map(Math.fround);

/** What is left of a product of two of them are its last bits. */
const PRODUCT = -(1 + 2 ** -12);

/** `acc += a * b` for all of three numbers, as WebAssembly computes it. */
function sumsOf(once: boolean, target: Target): { actual: Float32Array; operands: number[][] } {
  const operands = [...FACTORS, PRODUCT].flatMap((acc) =>
    FACTORS.flatMap((a) => FACTORS.map((b) => [acc, a, b]))
  );
  const vectors = Math.ceil(operands.length / LANES);
  const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: true });
  const [acc = 0, a = 0, b = 0] = [0, 1, 2];
  const fields = [acc, a, b].map((field) =>
    new Float32Array(memory.buffer, field * vectors * LANES * FLOAT_BYTES, vectors * LANES)
  );
  fields.forEach((field, i) => field.set(operands.map((each) => each[i] ?? NaN)));
  const code = new ProgramBuilder("sums", LANES, 3);
  const [sum, left, right] = [code.register(), code.register(), code.register()];
  code.loop(vectors, () => {
    [sum, left, right].forEach((register, field) => code.load(register, field));
    if (once) code.fmaOnce(sum, left, right);
    else code.fma(sum, left, right);
    code.store(sum, acc);
    for (const field of [acc, a, b]) code.advance(field, LANES * FLOAT_BYTES);
  });
  const module = new WebAssembly.Module(encodeWasm([code.build()], PAGES, target));
  const { exports } = new WebAssembly.Instance(module, memoryImport(memory));
  const run = exports[0] as (...pointers: number[]) => void;
  run(...fields.map(({ byteOffset }) => byteOffset));
  return { actual: fields[acc] ?? new Float32Array(), operands };
}

Deno.test('"fma" rounds as often as the target does, and once where it is told to', () => {
  for (const target of [WASM_TARGET, UNFUSED_WASM_TARGET]) {
    for (const once of [false, true]) {
      const expected = once ? fusedMultiplyAdd : multiplyAddOf(target);
      const { actual, operands } = sumsOf(once, target);
      for (const [i, [acc = 0, a = 0, b = 0]] of operands.entries()) {
        assertEquals(actual[i], expected(acc, a, b), `${acc} + ${a} * ${b}`);
      }
    }
  }
});

Deno.test("Random programs do the same in WebAssembly and in the interpreter", () => {
  const memory = new WebAssembly.Memory({
    initial: 2 * SIDE_PAGES,
    maximum: 2 * SIDE_PAGES,
    shared: true,
  });
  const all = new Float32Array(memory.buffer);
  const elements = SIDE_BYTES / FLOAT_BYTES;
  const [read, written] = [all.subarray(0, elements), all.subarray(elements)];
  for (let i = 0; i < elements; i++) read[i] = (i * 7 + (i >> 3) * 5) % 17 - 8;
  const source = { name: "source", data: read.slice(), writable: false };
  const target = { name: "target", data: new Float32Array(elements), writable: true };
  const middle = SIDE_BYTES / 2;

  fc.assert(
    fc.property(randomBody(), wasmTargets(), (body, wasm) => {
      const code: Program = {
        name: "random",
        lanes: LANES,
        parameters: 2,
        pointers: 4,
        registers: LOADED.length + SUMS.length,
        body: [
          { op: "point", dst: 2, src: 0, bytes: 12 },
          { op: "point", dst: 3, src: 1, bytes: -20 },
          ...body,
        ],
      };
      written.fill(NaN);
      target.data.fill(NaN);
      const bytes = encodeWasm([code], 2 * SIDE_PAGES, wasm);
      const { exports } = new WebAssembly.Instance(
        new WebAssembly.Module(bytes),
        memoryImport(memory),
      );
      const run = exports[0] as (...pointers: number[]) => void;
      run(middle, SIDE_BYTES + middle);
      interpret(code, [{ region: source, offset: middle }, { region: target, offset: middle }]);
      assertSameBits(written, target.data);
      assertSameBits(read, source.data);
    }),
    { seed: 42, numRuns: draws(400) },
  );
});

function assertSameBits(actual: Float32Array, expected: Float32Array): void {
  const [a, b] = [actual, expected].map(({ buffer, byteOffset, length }) =>
    new Uint32Array(buffer, byteOffset, length)
  );
  const index = a?.findIndex((bits, i) => bits !== b?.[i]) ?? NaN;
  assertEquals(index, -1, `Element ${index} is ${actual[index]}, not ${expected[index]}`);
}

function wasmTargets(): fc.Arbitrary<Target> {
  return fc.constantFrom(WASM_TARGET, UNFUSED_WASM_TARGET);
}

function randomBody(): fc.Arbitrary<Instruction[]> {
  const loaded = fc.constantFrom(...LOADED);
  const sum = fc.constantFrom(...SUMS);
  const any = fc.constantFrom(...LOADED, ...SUMS);
  const reading = fc.constantFrom(...READING);
  const writing = fc.constantFrom(...WRITING);
  const lane = fc.nat(LANES - 1);
  const lanes = fc.integer({ min: 1, max: LANES });
  const offset = fc.nat(40).map((element) => element * FLOAT_BYTES);
  const offsets = fc.array(offset, { minLength: 1, maxLength: LANES });
  const bytes = fc.integer({ min: -8, max: 8 }).map((element) => element * FLOAT_BYTES);
  const op = <T extends string>(name: T) => fc.constant(name);
  const copies = (names: fc.Arbitrary<number>, from: fc.Arbitrary<number>) => [
    fc.record({ op: op("lane"), dst: names, src: from, lane }),
    fc.record({ op: op("copy"), dst: names, src: from }),
  ];
  const simple: fc.Arbitrary<Instruction>[] = [
    fc.record({ op: op("zero"), dst: any }),
    fc.record({ op: op("load"), dst: loaded, ptr: reading, offset, lanes }),
    fc.record({ op: op("store"), src: any, ptr: writing, offset, lanes }),
    fc.record({ op: op("gather"), dst: loaded, ptr: reading, offsets }),
    fc.record({ op: op("scatter"), src: any, ptr: writing, offsets }),
    fc.record({ op: op("broadcast"), dst: loaded, ptr: reading, offset }),
    ...copies(loaded, loaded),
    ...copies(sum, any),
    fc.record({ op: op("constant"), dst: loaded, value: fc.constantFrom(-2, 0, 1, 3) }),
    fc.record({ op: op("add"), dst: sum, a: loaded, b: loaded }),
    fc.record({ op: op("sub"), dst: sum, a: loaded, b: loaded }),
    fc.record({ op: op("mul"), dst: sum, a: loaded, b: loaded }),
    fc.record({ op: op("max"), dst: loaded, a: loaded, b: loaded }),
    fc.record({ op: op("min"), dst: loaded, a: loaded, b: loaded }),
    fc.record({ op: op("select"), dst: loaded, a: any, b: loaded, c: loaded }),
    fc.record({ op: op("select"), dst: sum, a: loaded, b: any, c: any }),
    fc.record({
      op: op("shuffle"),
      dst: loaded,
      a: loaded,
      b: loaded,
      lanes: fc.array(fc.nat(2 * LANES - 1), { minLength: LANES, maxLength: LANES }),
    }),
    fc.record({ op: op("fma"), acc: sum, a: loaded, b: loaded }),
    fc.record({
      op: op("fma"),
      acc: sum,
      a: loaded,
      b: loaded,
      once: fc.constant<true>(true),
    }),
    fc.record({ op: op("advance"), ptr: fc.constantFrom(...READING, ...WRITING), bytes }),
    fc.record({ op: op("point"), dst: reading, src: reading, bytes }),
    fc.record({ op: op("point"), dst: writing, src: writing, bytes }),
  ];
  const block = (instruction: fc.Arbitrary<Instruction>, maxLength: number) =>
    fc.array(instruction, { minLength: 1, maxLength });
  const loopOf = (instruction: fc.Arbitrary<Instruction>): fc.Arbitrary<Instruction> =>
    fc.record({
      op: op("loop"),
      count: fc.integer({ min: 1, max: 3 }),
      body: block(instruction, 6),
    });
  const inner = fc.oneof(...simple);
  const outer = fc.oneof(...simple, loopOf(inner));
  return block(fc.oneof(...simple, loopOf(outer)), 14);
}

Deno.test("The programs of random plans are valid WebAssembly", () => {
  fc.assert(
    fc.property(layerCases().filter(({ batch }) => batch !== 0), (layerCase) => {
      const { preparation, phases } = planOf(geometryOf(layerCase), layerCase.bias);
      for (const { programs } of [...preparation, ...phases]) {
        assert(WebAssembly.validate(encodeWasm(programs, 16, WASM_TARGET)));
      }
    }),
    { seed: 44, numRuns: draws(100) },
  );
});
