import { assertEquals, assertThrows } from "@std/assert";
import {
  fusedMultiplyAdd,
  interpret,
  type MultiplyAdd,
  type PointerArgument,
  type Region,
  unfusedMultiplyAdd,
} from "../../src/codegen/interpret.ts";
import { type Program, ProgramBuilder } from "../../src/codegen/program.ts";
import { quotients } from "./_quotients.ts";
import { roots } from "./_roots.ts";
import { selections } from "./_selections.ts";

const LANES = 4;

function region(length: number, writable = true): Region {
  return { name: "numbers", data: Float32Array.from({ length }, (_, i) => i + 1), writable };
}

function programOf(write: (code: ProgramBuilder) => void, parameters = 1): Program {
  const code = new ProgramBuilder("test", LANES, parameters);
  write(code);
  return code.build();
}

/** Runs a program on one pointer. */
function run(write: (code: ProgramBuilder) => void, region: Region, offset = 0): void {
  interpret(programOf(write), [{ region, offset }]);
}

/** What a program leaves in registers, seen through a store of each. */
function registersAfter(
  count: number,
  write: (code: ProgramBuilder, registers: readonly number[]) => void,
  source: Region,
): number[][] {
  const seen = region(count * LANES);
  const code = new ProgramBuilder("test", LANES, 2);
  const registers = code.registers(count);
  write(code, registers);
  registers.forEach((register, index) => code.store(register, 1, index * LANES * 4));
  interpret(code.build(), [{ region: source, offset: 0 }, { region: seen, offset: 0 }]);
  return registers.map((_, index) => [...seen.data.subarray(index * LANES, (index + 1) * LANES)]);
}

Deno.test("interpret() does what each instruction says", () => {
  const after = registersAfter(
    8,
    (code, [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0]) => {
      code.load(a, 0, 4);
      code.load(b, 0, 0, 3);
      code.gather(c, 0, [28, 0, 4]);
      code.broadcast(d, 0, 8);
      code.lane(e, a, 2);
      code.copy(f, a);
      code.fma(f, b, d);
      code.copy(g, a);
      code.zero(g);
      code.load(h, 0, 16);
      code.copy(h, b);
    },
    region(8, false),
  );
  assertEquals(after, [
    [2, 3, 4, 5],
    [1, 2, 3, 0],
    [8, 1, 2, 0],
    [3, 3, 3, 3],
    [4, 4, 4, 4],
    [2 + 1 * 3, 3 + 2 * 3, 4 + 3 * 3, 5],
    [0, 0, 0, 0],
    [1, 2, 3, 0],
  ]);
});

Deno.test("interpret() divides as float32 does", () => {
  const { input, program, expected } = quotients(LANES);
  const source = { name: "source", data: Float32Array.from(input), writable: false };
  const target = region(expected.length);
  interpret(program, [{ region: source, offset: 0 }, { region: target, offset: 0 }]);
  assertEquals([...target.data], expected);
});

Deno.test("interpret() takes square roots and shifts bits", () => {
  const { input, program, expected } = roots(LANES);
  const source = { name: "source", data: Float32Array.from(input), writable: false };
  const target = region(expected.length);
  interpret(program, [{ region: source, offset: 0 }, { region: target, offset: 0 }]);
  assertEquals([...target.data], expected);
});

Deno.test("interpret() selects the second but where the first is at most 0", () => {
  const { input, program, expected } = selections(LANES);
  const source = { name: "source", data: Float32Array.from(input), writable: false };
  const target = region(expected.length);
  interpret(program, [{ region: source, offset: 0 }, { region: target, offset: 0 }]);
  assertEquals([...target.data], expected);
});

Deno.test("interpret() stores the lanes asked for and no others", () => {
  const numbers = region(12);
  run((code) => {
    const register = code.register();
    code.load(register, 0);
    code.store(register, 0, 20, 2);
    code.scatter(register, 0, [44, 36, 32]);
  }, numbers);
  assertEquals([...numbers.data], [1, 2, 3, 4, 5, 1, 2, 8, 3, 2, 11, 1]);
});

/** `-(1 + 2 ** -11) + (1 + 2 ** -12) ** 2`, whose product loses its last bit if it is rounded by itself. */
function interpretSum(
  write: (code: ProgramBuilder, acc: number, factor: number) => void,
  multiplyAdd?: MultiplyAdd,
): number[] {
  const data = Float32Array.of(1 + 2 ** -12, -(1 + 2 ** -11));
  const result = new Float32Array(LANES);
  const code = new ProgramBuilder("test", LANES, 2);
  const [factor, sum] = [code.register(), code.register()];
  code.broadcast(factor, 0, 0);
  code.broadcast(sum, 0, 4);
  write(code, sum, factor);
  code.store(sum, 1);
  interpret(code.build(), [
    { region: { name: "in", data, writable: false }, offset: 0 },
    { region: { name: "out", data: result, writable: true }, offset: 0 },
  ], multiplyAdd);
  return [...result];
}

Deno.test("interpret() rounds a multiply-add to float32 once, or as the target does", () => {
  const write = (code: ProgramBuilder, acc: number, factor: number) =>
    code.fma(acc, factor, factor);
  const [once, twice] = [2 ** -24, 0].map((value) => new Array<number>(LANES).fill(value));
  assertEquals(interpretSum(write), once);
  assertEquals(interpretSum(write, fusedMultiplyAdd), once);
  assertEquals(interpretSum(write, unfusedMultiplyAdd), twice);
});

Deno.test("interpret() rounds a multiply-add once where it is told to, on every target", () => {
  const write = (code: ProgramBuilder, acc: number, factor: number) =>
    code.fmaOnce(acc, factor, factor);
  const once = new Array<number>(LANES).fill(2 ** -24);
  for (const multiplyAdd of [fusedMultiplyAdd, unfusedMultiplyAdd]) {
    assertEquals(interpretSum(write, multiplyAdd), once);
  }
});

Deno.test("interpret() refuses an access that leaves its buffer, and writes nothing of it", () => {
  const accesses: Record<string, (code: ProgramBuilder, register: number) => void> = {
    load: (code, register) => code.load(register, 0, 8),
    "load of three lanes": (code, register) => code.load(register, 0, 12, 3),
    broadcast: (code, register) => code.broadcast(register, 0, 20),
    gather: (code, register) => code.gather(register, 0, [0, 20]),
    store: (code, register) => code.store(register, 0, 8),
    "store of two lanes": (code, register) => code.store(register, 0, 16, 2),
    scatter: (code, register) => code.scatter(register, 0, [0, 20]),
  };
  for (const [name, access] of Object.entries(accesses)) {
    const numbers = region(5);
    assertThrows(
      () => run((code) => access(code, code.register()), numbers),
      RangeError,
      'Program "test" accesses element 5 of "numbers", which has 5',
      name,
    );
    assertEquals([...numbers.data], [1, 2, 3, 4, 5], name);
  }
});

Deno.test("interpret() refuses an access in front of its buffer", () => {
  for (const offset of [-4, -16]) {
    const numbers = region(8);
    const message = `accesses element ${offset / 4} of "numbers"`;
    assertThrows(
      () => run((code) => code.load(code.register(), 0), numbers, offset),
      RangeError,
      message,
    );
    assertThrows(
      () => run((code) => code.store(code.register(), 0), numbers, offset),
      RangeError,
      message,
    );
    assertEquals([...numbers.data], [1, 2, 3, 4, 5, 6, 7, 8]);
  }
});

Deno.test("interpret() lets a pointer itself leave the buffer and come back", () => {
  const numbers = region(4);
  run((code) => {
    const register = code.register();
    code.advance(0, -400);
    code.advance(0, 404);
    const far = code.pointer(0, 1000);
    code.load(register, 0, 4, 1);
    code.point(far, far, -1004);
    code.store(register, far, 0, 1);
  }, numbers);
  assertEquals([...numbers.data], [3, 2, 3, 4]);
});

Deno.test("interpret() refuses an access to a part of an element", () => {
  for (const [offset, access] of [[2, 0], [0, 2], [1, 0], [0, 7]] as const) {
    const numbers = region(8);
    const message = 'of "numbers"';
    assertThrows(
      () => run((code) => code.load(code.register(), 0, access), numbers, offset),
      RangeError,
      message,
    );
    assertThrows(
      () => run((code) => code.store(code.register(), 0, access), numbers, offset),
      RangeError,
      message,
    );
    assertThrows(
      () => run((code) => code.scatter(code.register(), 0, [4, access + offset]), numbers),
      RangeError,
      message,
    );
    assertEquals([...numbers.data], [1, 2, 3, 4, 5, 6, 7, 8]);
  }
});

Deno.test("interpret() refuses a write to a read-only buffer", () => {
  const numbers = region(8, false);
  const message = 'Program "test" writes to "numbers", which is read-only';
  assertThrows(() => run((code) => code.store(code.register(), 0), numbers), RangeError, message);
  assertThrows(
    () => run((code) => code.scatter(code.register(), 0, [4]), numbers),
    RangeError,
    message,
  );
  assertEquals([...numbers.data], [1, 2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("interpret() follows a pointer into the buffer of the pointer it came from", () => {
  const [source, target] = [region(4, false), region(4)];
  const code = new ProgramBuilder("test", LANES, 2);
  const register = code.register();
  const local = code.pointer(0, 4);
  code.load(register, local, 0, 2);
  code.point(local, 1, 8);
  code.store(register, local, 0, 2);
  interpret(code.build(), [{ region: source, offset: 0 }, { region: target, offset: 0 }]);
  assertEquals([...target.data], [1, 2, 2, 3]);
  assertThrows(
    () => interpret(code.build(), [{ region: target, offset: 0 }, { region: source, offset: 0 }]),
    RangeError,
    "read-only",
  );
});

Deno.test("interpret() does not change the arguments it is given", () => {
  const argument: PointerArgument = { region: region(8), offset: 4 };
  interpret(programOf((code) => code.advance(0, 8)), [argument]);
  assertEquals(argument.offset, 4);
});

Deno.test("interpret() refuses a wrong number of pointers", () => {
  const program = programOf((code) => code.load(code.register(), 0), 2);
  const argument = { region: region(8), offset: 0 };
  for (const args of [[], [argument], [argument, argument, argument]]) {
    assertThrows(
      () => interpret(program, args),
      RangeError,
      `Program "test" takes 2 pointers, but ${args.length} came`,
    );
  }
});

Deno.test("interpret() refuses registers, lanes and pointers that the program does not have", () => {
  const base: Program = {
    name: "test",
    lanes: LANES,
    parameters: 1,
    pointers: 1,
    registers: 1,
    body: [],
  };
  const argument = { region: region(8), offset: 0 };
  assertThrows(
    () => interpret({ ...base, body: [{ op: "zero", dst: 1 }] }, [argument]),
    RangeError,
    'Program "test" has no register 1',
  );
  assertThrows(
    () => interpret({ ...base, body: [{ op: "advance", ptr: 1, bytes: 4 }] }, [argument]),
    RangeError,
    'Program "test" has no pointer 1',
  );
  assertThrows(
    () => interpret({ ...base, body: [{ op: "lane", dst: 0, src: 0, lane: 4 }] }, [argument]),
    RangeError,
    "Lane 4 of a vector of 4",
  );
});
