/**
 * Vector programs and their code as text, for people.
 *
 * @module
 */

import type { Instruction, Program } from "./program.ts";

/** The instructions of a program, one a line; `v` are vector registers, `p` pointers. */
export function listProgram({ body }: Program): string {
  return listBlock(body, "").join("\n");
}

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

function listBlock(block: readonly Instruction[], indent: string): string[] {
  return block.flatMap((instruction) =>
    instruction.op === "loop"
      ? [`${indent}loop ${instruction.count}`, ...listBlock(instruction.body, `${indent}  `)]
      : [`${indent}${list(instruction)}`]
  );
}

function list(instruction: Exclude<Instruction, { op: "loop" }>): string {
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
      return `v${instruction.dst} = gather p${instruction.ptr} [${instruction.offsets.join(" ")}]`;
    case "scatter":
      return `scatter p${instruction.ptr} [${instruction.offsets.join(" ")}] = v${instruction.src}`;
    case "broadcast":
      return `v${instruction.dst} = broadcast ${place(instruction)}`;
    case "lane":
      return `v${instruction.dst} = lane ${instruction.lane} of v${instruction.src}`;
    case "fma":
      return `v${instruction.acc} += v${instruction.a} * v${instruction.b}`;
    case "add":
      return `v${instruction.dst} = v${instruction.a} + v${instruction.b}`;
    case "sub":
      return `v${instruction.dst} = v${instruction.a} - v${instruction.b}`;
    case "mul":
      return `v${instruction.dst} = v${instruction.a} * v${instruction.b}`;
    case "max":
    case "min":
      return `v${instruction.dst} = ${instruction.op} v${instruction.a} v${instruction.b}`;
    case "shuffle":
      return `v${instruction.dst} = shuffle v${instruction.a} v${instruction.b} ` +
        `[${instruction.lanes.join(" ")}]`;
    case "copy":
      return `v${instruction.dst} = v${instruction.src}`;
    case "advance":
      return `p${instruction.ptr} += ${instruction.bytes}`;
    case "point":
      return `p${instruction.dst} = p${instruction.src} + ${instruction.bytes}`;
  }
}

function place({ ptr, offset }: { readonly ptr: number; readonly offset: number }): string {
  return `p${ptr}[${offset}]`;
}
