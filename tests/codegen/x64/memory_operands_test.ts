import { assertEquals } from "@std/assert";
import { foldLoads } from "../../../src/codegen/x64/memory_operands.ts";
import { linearise, MOST_READS } from "../../../src/codegen/x64/linear.ts";
import { ProgramBuilder, type Register } from "../../../src/codegen/program.ts";

const LANES = 16;

/** Registers of the programs below, all of which are set before. */
interface Registers {
  readonly a: Register;
  readonly sum: Register;
  readonly x: Register;
}

/** What is left of the loads and arithmetic that `write` writes. */
function folded(
  write: (code: ProgramBuilder, registers: Registers) => void,
  broadcasts = true,
): string[] {
  const code = new ProgramBuilder("test", LANES, 2);
  const registers = { a: code.register(), sum: code.register(), x: code.register() };
  code.zero(registers.a);
  code.zero(registers.sum);
  write(code, registers);
  const { steps } = foldLoads(linearise(code.build()), { broadcasts });
  return steps.flatMap((step) => step === null || step.op === "zero" ? [] : [step.op]);
}

Deno.test("foldLoads() makes a vector that is used once an operand", () => {
  assertEquals(
    folded((code, { a, sum, x }) => {
      code.load(x, 0, 64);
      code.fma(sum, a, x);
      code.load(x, 0, 128);
      code.fma(sum, x, a);
      code.load(x, 0);
      code.add(sum, x, a);
      code.load(x, 0);
      code.mul(sum, a, x);
      code.load(x, 0);
      code.sub(x, a, x);
    }),
    ["fmaMemory", "fmaMemory", "addMemory", "mulMemory", "subMemory"],
  );
});

Deno.test("foldLoads() makes an element that is used once an operand where there is such", () => {
  const write = (code: ProgramBuilder, { a, sum, x }: Registers) => {
    code.broadcast(x, 0, 4);
    code.fma(sum, a, x);
  };
  assertEquals(folded(write), ["fmaMemory"]);
  assertEquals(folded(write, false), ["broadcast", "fma"]);
});

Deno.test("foldLoads() says where the operand is and what else the step uses", () => {
  const code = new ProgramBuilder("test", LANES, 2);
  const [a, sum, x] = [code.register(), code.register(), code.register()];
  code.broadcast(x, 1, 12);
  code.fma(sum, x, a);
  const { steps, registers, pointers } = foldLoads(linearise(code.build()), { broadcasts: true });
  assertEquals(steps, [
    null,
    { op: "fmaMemory", dst: sum, a, ptr: 1, offset: 12, broadcast: true },
  ]);
  assertEquals([...registers.reads], [-1, -1, -1, a, sum, -1]);
  assertEquals([...registers.writes], [-1, sum]);
  assertEquals([...pointers.reads].filter((_, i) => i % MOST_READS === 0), [-1, 1]);
});

/** What stands in the way of folding a load into the one multiply-add behind it. */
const OBSTACLES: Record<string, (code: ProgramBuilder, registers: Registers) => void> = {
  "is used twice": (code, { a, sum, x }) => {
    code.load(x, 0);
    code.fma(sum, a, x);
    code.fma(sum, a, x);
  },
  "is used twice by one step": (code, { sum, x }) => {
    code.load(x, 0);
    code.fma(sum, x, x);
  },
  "is the sum": (code, { a, x }) => {
    code.load(x, 0);
    code.fma(x, a, a);
  },
  "is subtracted from": (code, { a, sum, x }) => {
    code.load(x, 0);
    code.sub(sum, x, a);
  },
  "has not all lanes": (code, { a, sum, x }) => {
    code.load(x, 0, 0, LANES - 1);
    code.fma(sum, a, x);
  },
  "may have been stored to": (code, { a, sum, x }) => {
    code.load(x, 0);
    code.store(a, 1);
    code.fma(sum, a, x);
  },
  "may have been scattered to": (code, { a, sum, x }) => {
    code.load(x, 0);
    code.scatter(a, 1, [0, 8]);
    code.fma(sum, a, x);
  },
  "comes from a pointer that has moved": (code, { a, sum, x }) => {
    code.load(x, 0);
    code.advance(0, 4);
    code.fma(sum, a, x);
  },
  "comes from a pointer that points elsewhere": (code, { a, sum, x }) => {
    code.load(x, 0);
    code.point(0, 1);
    code.fma(sum, a, x);
  },
  "is used by another step, and written over": (code, { a, sum, x }) => {
    code.load(x, 0);
    code.max(sum, a, x);
    code.zero(x);
    code.fma(sum, a, x);
  },
  "is written over by fewer lanes": (code, { a, sum, x }) => {
    code.load(x, 0);
    code.copy(sum, x);
    code.load(x, 0, 0, 3);
    code.fma(sum, a, x);
  },
  "is used in a loop": (code, { a, sum, x }) => {
    code.load(x, 0);
    code.loop(2, () => code.fma(sum, a, x));
  },
  "is used after a loop": (code, { a, sum, x }) => {
    code.loop(2, () => code.load(x, 0));
    code.fma(sum, a, x);
  },
  "is used in the next turn": (code, { a, sum, x }) => {
    code.loop(2, () => {
      code.add(a, a, x);
      code.load(x, 0);
      code.fma(sum, a, x);
    });
  },
};

for (const [obstacle, write] of Object.entries(OBSTACLES)) {
  Deno.test(`foldLoads() leaves a load alone that ${obstacle}`, () => {
    assertEquals(folded(write).filter((op) => op.endsWith("Memory")), []);
  });
}

Deno.test("foldLoads() does not mind other pointers, and stores before the load", () => {
  assertEquals(
    folded((code, { a, sum, x }) => {
      code.store(a, 1);
      code.advance(0, 4);
      code.load(x, 0);
      code.advance(1, 4);
      code.fma(sum, a, x);
      code.loop(2, () => {
        code.load(x, 0);
        code.fma(sum, a, x);
        code.store(sum, 1);
      });
    }),
    ["store", "advance", "advance", "fmaMemory", "begin", "fmaMemory", "store", "end"],
  );
});
