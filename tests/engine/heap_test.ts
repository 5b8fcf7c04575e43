import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { type Block, Heap } from "../../src/engine/heap.ts";
import { draws } from "../_depth.ts";

const START = 4096;
const BYTES = 64 * 1024;
const ALIGNMENT = 64;

/** Whether no block touches another or leaves the heap, and all start on a cache line. */
function isSound(blocks: readonly Block[]): boolean {
  const sorted = [...blocks].sort((a, b) => a.address - b.address);
  return sorted.every(({ address, bytes }, index) => {
    const end = sorted[index + 1]?.address ?? START + BYTES;
    return address >= START && address % ALIGNMENT === 0 && address + bytes <= end;
  });
}

function total(blocks: readonly Block[]): number {
  return blocks.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The size of the largest gap between blocks: what a heap that loses nothing can still give. */
function largestGap(blocks: readonly Block[]): number {
  let largest = 0;
  let end = START;
  for (const { address, bytes } of [...blocks].sort((a, b) => a.address - b.address)) {
    largest = Math.max(largest, address - end);
    end = address + bytes;
  }
  return Math.max(largest, START + BYTES - end);
}

/** A block that must be there to be had. */
function take(heap: Heap, bytes: number): Block {
  const block = heap.allocate(bytes);
  if (block === null) throw new Error(`There are no ${bytes} bytes`);
  return block;
}

/** Either takes a block of so many bytes, or gives back one of those in use. */
type Step = { readonly take: number } | { readonly giveBack: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ take: fc.integer({ min: 0, max: BYTES / 4 }) }) },
    { weight: 1, arbitrary: fc.record({ take: fc.integer({ min: 0, max: 200 }) }) },
    { weight: 3, arbitrary: fc.record({ giveBack: fc.nat(1000) }) },
  ),
  { maxLength: 200, size: "max" },
);

Deno.test("Heap blocks never overlap, and its free bytes are those that no block has", () => {
  fc.assert(
    fc.property(steps, (steps) => {
      const heap = new Heap(START, START + BYTES);
      const used: Block[] = [];
      for (const step of steps) {
        if ("take" in step) {
          const gap = largestGap(used);
          const block = heap.allocate(step.take);
          if (block === null) assert(gap < step.take);
          else {
            assert(block.bytes >= step.take);
            used.push(block);
          }
        } else {
          const [block] = used.splice(step.giveBack % Math.max(1, used.length), 1);
          if (block !== undefined) heap.release(block);
        }
        assert(isSound(used));
        assertEquals(heap.freeBytes, BYTES - total(used));
        assertEquals(heap.largestFree, largestGap(used));
      }
      for (const block of used) heap.release(block);
      assertEquals([heap.freeBytes, heap.largestFree], [BYTES, BYTES]);
      assertEquals(heap.allocate(BYTES), { address: START, bytes: BYTES });
    }),
    { seed: 1, numRuns: draws(200) },
  );
});

Deno.test("Heap.allocate() gives nothing that does not fit, and then still has all it had", () => {
  const heap = new Heap(START, START + BYTES);
  assertEquals(heap.allocate(BYTES + 1), null);
  assertEquals(heap.allocate(Infinity), null);
  const block = take(heap, BYTES);
  assertEquals(heap.allocate(0), null);
  heap.release(block);
  assertEquals(heap.largestFree, BYTES);
});

Deno.test("Heap.allocate() gives a block of its own even for nothing", () => {
  const heap = new Heap(START, START + BYTES);
  assert(take(heap, 0).address !== take(heap, 0).address);
});

Deno.test("Heap.release() joins a block with the free ranges on both sides", () => {
  const heap = new Heap(START, START + BYTES);
  const [a, b, c, d] = [0, 1, 2, 3].map(() => take(heap, BYTES / 4));
  for (const block of [a, c, d, b]) if (block !== undefined) heap.release(block);
  assertEquals(heap.largestFree, BYTES);
});
