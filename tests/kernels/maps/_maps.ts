import { assert, assertEquals } from "@std/assert";
import type { Region } from "../../../src/codegen/interpret.ts";
import {
  AVX2_TARGET,
  AVX512_TARGET,
  type Target,
  UNFUSED_WASM_TARGET,
  WASM_TARGET,
} from "../../../src/codegen/target.ts";
import type { MapWork } from "../../../src/kernels/maps/work.ts";
import {
  forgetScratch,
  interpretTiles,
  multiplyAddOf,
  type Tile,
  tilesOf,
} from "../../_interpret_plan.ts";
import { assertFits } from "../_tester.ts";

export const TARGETS: readonly Target[] = [
  WASM_TARGET,
  UNFUSED_WASM_TARGET,
  AVX2_TARGET,
  AVX512_TARGET,
];

/**
 * Runs a map with every access checked, its tiles in both orders: operands and numbers are only read, and every
 * output is written, in the same bits.
 */
export function runMap(
  work: MapWork,
  inputs: readonly Float32Array[],
  target: Target,
): Float32Array {
  assertFits({ ...work, preparation: [] }, target);
  const forwards = runTiles(work, target, inputs, (tiles) => tiles);
  const backwards = runTiles(work, target, inputs, (tiles) => tiles.toReversed());
  // The interpreter's numbers that are none have any bits.
  assert(forwards.every((value, i) => Object.is(value, backwards[i])), target.name);
  return forwards;
}

/** What nothing computes. */
const UNWRITTEN = 0x7fa12345;

function bitsOf({ buffer, byteOffset, length }: Float32Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length);
}

function runTiles(
  work: MapWork,
  target: Target,
  inputs: readonly Float32Array[],
  order: (tiles: Tile[]) => Tile[],
): Float32Array {
  const regions = work.buffers.map(({ name, bytes, numbers }, buffer): Region => {
    const length = bytes / Float32Array.BYTES_PER_ELEMENT;
    const given = inputs[buffer] ?? numbers;
    const data = given ?? new Float32Array(length);
    assertEquals(data.length, length, `${name} has ${data.length} elements`);
    if (given === undefined) bitsOf(data).fill(UNWRITTEN);
    return { name, data, writable: given === undefined };
  });
  for (const phase of work.phases) {
    const forget = () => forgetScratch(work, regions);
    interpretTiles(phase, order(tilesOf(phase)), regions, forget, multiplyAddOf(target));
  }
  const output = regions[inputs.length]?.data ?? new Float32Array(0);
  assert(!bitsOf(output).includes(UNWRITTEN), "Not every output is written");
  return output;
}

/** Normally distributed numbers, now and then one of the given ones. */
export function mixed(length: number, seed: number, others: readonly number[] = []): Float32Array {
  let state = seed >>> 0;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Float32Array.from({ length }, () => {
    const value = next() + next() + next() - 1.5;
    return others.length > 0 && next() < 0.05
      ? others[Math.floor(next() * others.length)] ?? value
      : value;
  });
}

/** What the sum of so many numbers up to 1 may be off by, and what is computed of it in a few steps more. */
export function roundingBound(terms: number): number {
  return (terms + 16) * 2 ** -24;
}

/** Sees to it that numbers are near those that are expected, in proportion to the larger of them and 1. */
export function assertNear(
  actual: Float32Array,
  expected: ArrayLike<number>,
  tolerance: number,
  message: string,
): void {
  assertEquals(actual.length, expected.length, message);
  for (let i = 0; i < expected.length; i++) {
    const [is, should] = [actual[i] ?? NaN, expected[i] ?? NaN];
    if (Object.is(is, Math.fround(should))) continue;
    const isNear = Math.abs(is - should) <= tolerance * Math.max(1, Math.abs(should));
    assert(isNear, `${message}: element ${i} is ${is}, not ${should}`);
  }
}
