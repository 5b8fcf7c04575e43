import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import type { Geometry } from "../../src/convolution/geometry.ts";
import { reference } from "../../src/convolution/formula.ts";
import { mirrored } from "../../src/convolution/mirrored.ts";
import { geometryOf, layerCases, operandsOf } from "../_arbitrary.ts";
import { draws } from "../_depth.ts";

/** The weights of a transposed convolution as its mirrored one has them. */
function mirroredWeights(g: Geometry, weight: Float32Array): Float32Array {
  const taps = g.kernel.reduce((product, size) => product * size, 1);
  const [ins, outs] = [g.inChannels / g.groups, g.outChannels / g.groups];
  return weight.map((_, i) => {
    const [tap, ic, oc] = [i % taps, Math.floor(i / taps) % ins, Math.floor(i / taps / ins)];
    const [group, out] = [Math.floor(oc / outs), oc % outs];
    return weight[((group * ins + ic) * outs + out) * taps + taps - 1 - tap] ?? NaN;
  });
}

Deno.test("mirrored() gives the convolution that a transposed one without a stride is", () => {
  let found = 0;
  const property = fc.property(
    layerCases().filter(({ transposed, batch }) => transposed && batch !== 0),
    (layerCase) => {
      const g = geometryOf(layerCase);
      const convolution = mirrored(g);
      if (convolution === null) return;
      found++;
      const operands = operandsOf(layerCase);
      const weight = mirroredWeights(g, operands.weight);
      const expected = Float32Array.from(reference(g, operands));
      assertEquals(
        Float32Array.from(reference(convolution, { ...operands, weight })),
        expected,
      );
    },
  );
  fc.assert(property, { seed: 12, numRuns: draws(200) });
  assertEquals(found > draws(200) / 10, true, `only ${found}`);
});

Deno.test("mirrored() leaves strides to others, and results that are cut where no kernel reaches", () => {
  const layerCase = {
    transposed: true,
    rank: 1,
    batch: 1,
    inChannels: 1,
    outChannels: 1,
    spatial: [9],
    kernelSize: 3,
    bias: false,
    options: {},
    seed: 1,
  } as const;
  assertEquals(mirrored(geometryOf(layerCase))?.padBegin, [0, 0, 2]);
  assertEquals(mirrored(geometryOf({ ...layerCase, options: { stride: 2 } })), null);
  assertEquals(mirrored(geometryOf({ ...layerCase, options: { padding: 3 } })), null);
});
