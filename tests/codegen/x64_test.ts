import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { interpret } from "../../src/codegen/interpret.ts";
import { FLOAT_BYTES, type Program } from "../../src/codegen/program.ts";
import { AVX2_TARGET, AVX512_TARGET, type Target } from "../../src/codegen/target.ts";
import { IS_X64_LINUX, NativePrograms, nativeTargets, Pages } from "./_native.ts";
import { randomPrograms } from "./_random_program.ts";

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

for (const target of TARGETS) {
  for (const locals of [1, 12]) {
    Deno.test({
      name: `Random programs with ${2 * locals} local pointers do the same in ${target.name} ` +
        "and in the interpreter",
      ignore: isMissing(target),
      fn() {
        using pages = new Pages(2 * SIDE_BYTES);
        const all = new Float32Array(pages.view().buffer);
        for (let i = 0; i < ELEMENTS; i++) all[i] = (i * 7 + (i >> 3) * 5) % 17 - 8;
        fc.assert(
          fc.property(randomPrograms(target.lanes, locals), (program) => {
            assertSameAsInterpreted(program, target, pages);
          }),
          { seed: 42, numRuns: 400 },
        );
      },
    });
  }
}
