import { assert, assertEquals, assertIsError, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { interpret } from "../../../src/codegen/interpret.ts";
import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../../src/codegen/program.ts";
import {
  AVX2_TARGET,
  AVX512_TARGET,
  type Target,
  WASM_TARGET,
} from "../../../src/codegen/target.ts";
import { encodeX64 } from "../../../src/codegen/x64/encode.ts";
import { draws } from "../../_depth.ts";
import { IS_X64_LINUX, NativePrograms, nativeTargets, PAGE_BYTES, Pages } from "../_native.ts";
import { randomPrograms } from "../_random_program.ts";
import { quotients } from "../_quotients.ts";
import { roots } from "../_roots.ts";
import { selections } from "../_selections.ts";

const NATIVE = nativeTargets();
const TARGETS: readonly Target[] = [AVX2_TARGET, AVX512_TARGET];

function isMissing(target: Target): boolean {
  return !IS_X64_LINUX || !NATIVE.includes(target);
}

/** Bytes of what random programs read, and of what they write; they start in the middle. */
const SIDE_BYTES = 128 * 1024;

const ELEMENTS = SIDE_BYTES / FLOAT_BYTES;

/** Runs a program natively and in the interpreter, on the same memory. */
function assertSameAsInterpreted(program: Program, target: Target, pages: Pages): void {
  const all = new Float32Array(pages.view().buffer);
  const [read, written] = [all.subarray(0, ELEMENTS), all.subarray(ELEMENTS)];
  const source = { name: "source", data: read.slice(), writable: false };
  const data = new Float32Array(ELEMENTS).fill(NaN);
  written.fill(NaN);
  const offset = SIDE_BYTES / 2;
  using code = new NativePrograms([program], target, pages.address);
  code.run(0, offset, SIDE_BYTES + offset);
  interpret(program, [{ region: source, offset }, {
    region: { name: "target", data, writable: true },
    offset,
  }]);
  assertSameBits(written, data);
  assertSameBits(read, source.data);
}

function assertSameBits(actual: Float32Array, expected: Float32Array): void {
  const bits = ({ buffer, byteOffset, length }: Float32Array) =>
    new Uint32Array(buffer, byteOffset, length);
  const [a, b] = [bits(actual), bits(expected)];
  const index = a.findIndex((word, i) =>
    word !== b[i] && !(Number.isNaN(actual[i]) && Number.isNaN(expected[i]))
  );
  assertEquals(index, -1, `Element ${index} is ${actual[index]}, not ${expected[index]}`);
}

/** Collects one element from each parameter but the first, where that points to. */
function gatheringProgram({ lanes }: Target, parameters: number, order: number): Program {
  const code = new ProgramBuilder("gather", lanes, parameters);
  const value = code.register();
  const all = Array.from({ length: parameters - 1 }, (_, i) => i + 1);
  for (const pointer of order > 0 ? all : all.toReversed()) {
    code.broadcast(value, pointer, 0);
    code.store(value, 0, pointer * FLOAT_BYTES, 1);
  }
  return code.build();
}

/** The registers that are pushed (0x50) or popped (0x58) from a byte on, and where that ends. */
function registersOf(code: Uint8Array, start: number, opcode: number): [number[], number] {
  const registers: number[] = [];
  for (let at = start;; at++) {
    const isHigh = code[at] === 0x41;
    const byte = code[at + Number(isHigh)] ?? 0;
    if ((byte & 0xf8) !== opcode) return [registers, at];
    registers.push((byte & 7) + 8 * Number(isHigh));
    if (isHigh) at++;
  }
}

/** Where the registers are brought back: behind vzeroupper, and behind what gives back the stack. */
function endOf(code: Uint8Array): number {
  const vzeroupper = [0xc5, 0xf8, 0x77];
  const at = code.findLastIndex((_, i) => vzeroupper.every((byte, j) => code[i + j] === byte));
  const behind = at + vzeroupper.length;
  if (code[behind] !== 0x48) return behind;
  // add rsp, with an immediate of one byte or of four.
  return behind + (code[behind + 1] === 0x83 ? 4 : 7);
}

for (const target of TARGETS) {
  for (const locals of [1, 12]) {
    Deno.test({
      name: `Random programs with ${2 * locals} local pointers do the same in ${target.name} ` +
        "and in the interpreter",
      ignore: isMissing(target),
      fn: () => assertRandomPrograms(target, randomPrograms(target.lanes, locals)),
    });
  }

  Deno.test({
    name: `Random programs with many registers do the same in ${target.name}, or are refused`,
    ignore: isMissing(target),
    fn() {
      const fitting = randomPrograms(target.lanes, 1, 16).filter((program) => {
        try {
          return encodeX64([program], target).entries.length > 0;
        } catch (error) {
          assertIsError(error, RangeError, "vector registers at once");
          return false;
        }
      });
      assertRandomPrograms(target, fitting);
    },
  });

  Deno.test({
    name: `${target.name}: "max" and "min" are NaN if either is, and know the sign of zero; ` +
      `"pmax" and "pmin" take the first then`,
    ignore: isMissing(target),
    fn() {
      const special = [0, -0, 1, -1, Infinity, -Infinity, NaN, 1e-45, -1e-45];
      const pairs = special.flatMap((a) => special.map((b) => [a, b] as const));
      const code = new ProgramBuilder("extrema", target.lanes, 2);
      const [a, b, dst] = [code.register(), code.register(), code.register()];
      const bytes = pairs.length * FLOAT_BYTES;
      pairs.forEach((_, i) => {
        let at = i * FLOAT_BYTES;
        for (const op of ["max", "min", "pmax", "pmin"] as const) {
          for (const result of [dst, a, b]) {
            code.broadcast(a, 0, i * FLOAT_BYTES);
            code.broadcast(b, 0, bytes + i * FLOAT_BYTES);
            code[op](result, a, b);
            code.store(result, 1, at, 1);
            at += bytes;
          }
        }
      });
      const input = pairs.map(([a]) => a).concat(pairs.map(([, b]) => b));
      const operations = [
        Math.max,
        Math.min,
        (a: number, b: number) => a < b ? b : a,
        (a: number, b: number) => b < a ? b : a,
      ];
      const expected = operations.flatMap((operation) => {
        const all = pairs.map(([a, b]) => Math.fround(operation(a, b)));
        return [all, all, all].flat();
      });
      const results = runOn(code.build(), target, input, expected.length);
      assertEquals(results.map(signed), expected.map(signed));
    },
  });

  Deno.test({
    name:
      `${target.name}: "select" takes the third where the first is at most 0, also in its own register`,
    ignore: isMissing(target),
    fn() {
      const { input, program, expected } = selections(target.lanes);
      assertEquals(
        runOn(program, target, input, expected.length).map(signed),
        expected.map(signed),
      );
    },
  });

  Deno.test({
    name: `${target.name}: "div" divides every number by every other as float32 does`,
    ignore: isMissing(target),
    fn() {
      const { input, program, expected } = quotients(target.lanes);
      assertEquals(
        runOn(program, target, input, expected.length).map(signed),
        expected.map(signed),
      );
    },
  });

  Deno.test({
    name: `${target.name}: "sqrt" and "shift" give what they are to give, also in place`,
    ignore: isMissing(target),
    fn() {
      const { input, program, expected } = roots(target.lanes);
      assertEquals(
        runOn(program, target, input, expected.length).map(signed),
        expected.map(signed),
      );
    },
  });

  Deno.test({
    name: `${target.name}: "fma" rounds once, and constants are rounded to float32`,
    ignore: isMissing(target),
    fn() {
      const code = new ProgramBuilder("rounding", target.lanes, 2);
      const [a, b, sum] = [code.register(), code.register(), code.register()];
      code.broadcast(a, 0, 0);
      code.constant(sum, -1);
      code.fma(sum, a, a);
      code.store(sum, 1, 0, 1);
      code.constant(sum, -1);
      code.broadcast(b, 0, 4);
      code.fma(sum, a, b);
      code.store(sum, 1, 4, 1);
      [0.1, -0, 1e-45, NaN, Infinity].forEach((value, i) => {
        code.constant(sum, value);
        code.store(sum, 1, 8 + 4 * i, 1);
      });
      const near = 1 + 2 ** -23;
      const expected = [2 ** -22 + 2 ** -46, 2 ** -23 - 2 ** -24 - 2 ** -47, 0.1, -0, 1e-45, NaN]
        .concat(Infinity).map(Math.fround);
      const results = runOn(code.build(), target, [near, 1 - 2 ** -24], 7);
      assertEquals(results.map(signed), expected.map(signed));
    },
  });

  Deno.test({
    name: `${target.name}: any number of parameters come to where they are used`,
    ignore: isMissing(target),
    fn() {
      using pages = new Pages(PAGE_BYTES);
      const memory = new Float32Array(pages.view().buffer);
      for (let count = 2; count <= 24; count++) {
        for (const order of [1, -1]) {
          const program = gatheringProgram(target, count, order);
          memory.forEach((_, index) => memory[index] = index);
          // The first one is where the elements that the others point to are collected.
          const places = Array.from({ length: count - 1 }, (_, i) => 100 + 7 * (i * 5 % count));
          using code = new NativePrograms([program], target, pages.address);
          code.run(0, 0, ...places.map((place) => place * FLOAT_BYTES));
          assertEquals([...memory.subarray(1, count)], places, `${count} parameters`);
        }
      }
    },
  });

  Deno.test(`${target.name}: registers of the caller are saved, and brought back the other way round`, () => {
    let most = 0;
    for (let count = 2; count <= 24; count++) {
      const { code, entries } = encodeX64([gatheringProgram(target, count, 1)], target);
      const [entry = 0] = entries;
      const [pushed] = registersOf(code, entry, 0x50);
      const end = endOf(code);
      const [popped, after] = registersOf(code, end, 0x58);
      assertEquals(popped, pushed.toReversed(), `${count} parameters`);
      // xor eax, eax; ret
      assertEquals([...code.subarray(after, after + 3)], [0x31, 0xc0, 0xc3]);
      const mustBeSaved = [3, 5, 12, 13, 14, 15];
      assertEquals(pushed.filter((register) => !mustBeSaved.includes(register)), []);
      most = Math.max(most, pushed.length);
    }
    assertEquals(most, 6);
  });

  Deno.test({
    name: `${target.name}: pointers move by more than 31 bits`,
    ignore: isMissing(target),
    fn() {
      const code = new ProgramBuilder("far", target.lanes, 2);
      const [a, far] = [code.register(), code.pointer(0, 2 ** 33)];
      code.advance(far, -(2 ** 33) + 4);
      code.load(a, far, 0, 1);
      code.advance(far, 2 ** 32);
      const back = code.pointer(far, 8 - 2 ** 32);
      code.store(a, 1, 0, 1);
      code.load(a, back, 0, 1);
      code.store(a, 1, 4, 1);
      assertEquals(runOn(code.build(), target, [1, 2, 3, 4], 2), [2, 4]);
    },
  });

  Deno.test({
    name: `${target.name}: a pointer that is not used again does not move another one`,
    ignore: isMissing(target),
    fn() {
      const code = new ProgramBuilder("moved", target.lanes, 2);
      const value = code.register();
      code.loop(2, () => {
        const [short, long] = [code.pointer(0), code.pointer(0, 4)];
        code.load(value, short, 0, 1);
        code.advance(short, 64);
        // Takes the register of the one that has just moved for the last time.
        const next = code.pointer(long, 4);
        code.loop(2, () => {
          code.load(value, next, 0, 1);
          code.store(value, 1, 0, 1);
          code.advance(1, 4);
        });
        code.load(value, next, 0, 1);
        code.store(value, 1, 0, 1);
        code.advance(1, 4);
      });
      assertEquals(runOn(code.build(), target, [1, 2, 3, 4], 6), [3, 3, 3, 3, 3, 3]);
    },
  });

  Deno.test(`encodeX64() refuses programs that do not fit ${target.name}`, () => {
    for (const lanes of [4, 8, 16].filter((lanes) => lanes !== target.lanes)) {
      assertThrows(
        () => encodeX64([new ProgramBuilder("other", lanes, 1).build()], target),
        RangeError,
        `Program "other" is for ${lanes} lanes, not ${target.lanes}`,
      );
    }
    const code = new ProgramBuilder("wide", target.lanes, 1);
    const all = code.registers(target.registers + 1);
    for (const register of all) code.load(register, 0);
    for (const register of all) code.store(register, 0);
    assertThrows(
      () => encodeX64([code.build()], target),
      RangeError,
      `Program "wide" uses ${all.length} vector registers at once, but there are ${all.length - 1}`,
    );
  });

  Deno.test(`encodeX64() aligns the functions and shares the constants of ${target.name}`, () => {
    const programs = [1, 2, 3].map((value) => {
      const code = new ProgramBuilder("constant", target.lanes, 1);
      const register = code.register();
      for (const each of [100, value]) {
        code.constant(register, each);
        code.store(register, 0);
      }
      return code.build();
    });
    const { code, entries } = encodeX64(programs, target);
    assertEquals(entries, [0, 64, 128]);
    const constants = [100, 1, 2, 3];
    assertEquals([...new Float32Array(code.buffer, 192)], constants);
  });
}

Deno.test("encodeX64() refuses WebAssembly as a target", () => {
  const program = new ProgramBuilder("four", 4, 1).build();
  assertThrows(() => encodeX64([program], WASM_TARGET), RangeError, "not of x86-64");
});

Deno.test({
  name: "Machine code touches no memory outside of the lanes it is asked for",
  ignore: NATIVE.length === 0,
  async fn() {
    const run = (...args: string[]) =>
      new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", new URL("../_guarded.ts", import.meta.url).pathname, ...args],
      }).output();
    const [random, beyond] = await Promise.all([run(), run("beyond")]);
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assert(random.success, text(random.stderr));
    assertEquals(text(random.stdout), "Nothing forbidden was touched\n");
    assertEquals([beyond.success, text(beyond.stdout)], [false, ""]);
  },
});

/** A number as text, in which the sign of zero shows. */
function signed(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function assertRandomPrograms(target: Target, programs: fc.Arbitrary<Program>): void {
  using pages = new Pages(2 * SIDE_BYTES);
  const all = new Float32Array(pages.view().buffer);
  for (let i = 0; i < ELEMENTS; i++) all[i] = (i * 7 + (i >> 3) * 5) % 17 - 8;
  fc.assert(
    fc.property(programs, (program) => assertSameAsInterpreted(program, target, pages)),
    { seed: 42, numRuns: draws(400) },
  );
}

/** What a program of two pointers writes to the second, after some input at the first. */
function runOn(
  program: Program,
  target: Target,
  input: readonly number[],
  outputs: number,
): number[] {
  const start = input.length * FLOAT_BYTES;
  using pages = new Pages(start + outputs * FLOAT_BYTES);
  const memory = new Float32Array(pages.view().buffer);
  memory.set(input);
  using code = new NativePrograms([program], target, pages.address);
  code.run(0, 0, start);
  return [...memory.subarray(input.length, input.length + outputs)];
}
