import type { Instruction, Program, Register } from "../src/codegen/program.ts";

/** The most vector registers of a program that hold something at once that is still needed. */
export function mostLiveRegisters(program: Program): number {
  const most = { count: 0 };
  before(program.body, new Set(), most);
  return most.count;
}

/** What is live before a block of instructions behind which `after` is. */
function before(
  block: readonly Instruction[],
  after: ReadonlySet<Register>,
  most: { count: number },
): Set<Register> {
  const live = new Set(after);
  for (const instruction of block.toReversed()) {
    if (instruction.op === "loop") {
      // What a turn needs at its beginning must also outlive the turn before.
      const first = before(instruction.body, live, { count: 0 });
      for (const register of before(instruction.body, live.union(first), most)) live.add(register);
      continue;
    }
    const { written, read } = registersOf(instruction);
    for (const register of written) live.add(register);
    most.count = Math.max(most.count, live.size);
    for (const register of written) live.delete(register);
    for (const register of read) live.add(register);
    most.count = Math.max(most.count, live.size);
  }
  return live;
}

function registersOf(
  instruction: Exclude<Instruction, { readonly op: "loop" }>,
): { written: Register[]; read: Register[] } {
  switch (instruction.op) {
    case "zero":
    case "load":
    case "gather":
    case "broadcast":
    case "constant":
      return { written: [instruction.dst], read: [] };
    case "store":
    case "scatter":
      return { written: [], read: [instruction.src] };
    case "lane":
    case "copy":
      return { written: [instruction.dst], read: [instruction.src] };
    case "fma":
      return {
        written: [instruction.acc],
        read: [instruction.acc, instruction.a, instruction.b],
      };
    case "add":
    case "sub":
    case "mul":
    case "max":
    case "min":
    case "shuffle":
      return { written: [instruction.dst], read: [instruction.a, instruction.b] };
    case "advance":
    case "point":
      return { written: [], read: [] };
  }
}
