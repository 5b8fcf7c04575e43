/**
 * Vector programs and their code as text, for people.
 *
 * @module
 */

import type { Instruction, Pointer, Program } from "./program.ts";

/** The instructions of a program, one a line; `v` are vector registers, `p` pointers that have no name. */
export function listProgram({ body, parameterNames = [] }: Program): string {
  const nameOf = (ptr: Pointer) => parameterNames[ptr] ?? `p${ptr}`;
  return listBlock(body, nameOf, "").join("\n");
}

/** What a pointer is called. */
type NameOf = (ptr: Pointer) => string;

/** Bytes in hexadecimal, with the offset of the first at the beginning of each line. */
export function listBytes(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let start = 0; start < bytes.length; start += LINE_BYTES) {
    const line = bytes.subarray(start, start + LINE_BYTES);
    const offset = start.toString(16).padStart(OFFSET_DIGITS, "0");
    lines.push(`${offset}  ${Array.from(line, hexadecimal).join(" ")}`);
  }
  return lines.join("\n");
}

const LINE_BYTES = 32;
const OFFSET_DIGITS = 6;

function hexadecimal(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

function listBlock(
  block: readonly Instruction[],
  nameOf: NameOf,
  indent: string,
): string[] {
  return block.flatMap((instruction) => {
    if (instruction.op !== "loop") return [`${indent}${list(instruction, nameOf)}`];
    const body = listBlock(instruction.body, nameOf, `${indent}  `);
    return [`${indent}loop ${instruction.count}`, ...body];
  });
}

function list(instruction: Exclude<Instruction, { op: "loop" }>, nameOf: NameOf): string {
  const place = ({ ptr, offset }: { readonly ptr: Pointer; readonly offset: number }) =>
    `${nameOf(ptr)}[${offset}]`;
  switch (instruction.op) {
    case "zero":
      return `v${instruction.dst} = 0`;
    case "constant":
      return `v${instruction.dst} = ${instruction.value}`;
    case "load":
      return `v${instruction.dst} = load ${instruction.lanes} ${place(instruction)}`;
    case "store":
      return `store ${instruction.lanes} ${place(instruction)} = v${instruction.src}`;
    case "gather":
      return `v${instruction.dst} = gather ${nameOf(instruction.ptr)} ` +
        `[${instruction.offsets.join(" ")}]`;
    case "scatter":
      return `scatter ${nameOf(instruction.ptr)} [${instruction.offsets.join(" ")}] = ` +
        `v${instruction.src}`;
    case "broadcast":
      return `v${instruction.dst} = broadcast ${place(instruction)}`;
    case "lane":
      return `v${instruction.dst} = lane ${instruction.lane} of v${instruction.src}`;
    case "fma":
      return `v${instruction.acc} += v${instruction.a} * v${instruction.b}` +
        (instruction.once ? ", rounded once" : "");
    case "add":
      return `v${instruction.dst} = v${instruction.a} + v${instruction.b}`;
    case "sub":
      return `v${instruction.dst} = v${instruction.a} - v${instruction.b}`;
    case "mul":
      return `v${instruction.dst} = v${instruction.a} * v${instruction.b}`;
    case "div":
      return `v${instruction.dst} = v${instruction.a} / v${instruction.b}`;
    case "sqrt":
      return `v${instruction.dst} = sqrt v${instruction.src}`;
    case "shift":
      return `v${instruction.dst} = v${instruction.src} << ${instruction.bits}`;
    case "max":
    case "min":
      return `v${instruction.dst} = ${instruction.op} v${instruction.a} v${instruction.b}`;
    case "select": {
      const { dst, a, b, c } = instruction;
      return `v${dst} = select v${a} v${b} v${c}`;
    }
    case "shuffle":
      return `v${instruction.dst} = shuffle v${instruction.a} v${instruction.b} ` +
        `[${instruction.lanes.join(" ")}]`;
    case "copy":
      return `v${instruction.dst} = v${instruction.src}`;
    case "advance":
      return `${nameOf(instruction.ptr)} += ${instruction.bytes}`;
    case "point":
      return `${nameOf(instruction.dst)} = ${nameOf(instruction.src)} + ${instruction.bytes}`;
  }
}
