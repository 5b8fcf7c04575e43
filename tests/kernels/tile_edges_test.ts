import { assertStrictEquals } from "@std/assert";
import type { PaddingMode } from "../../src/convolution/settings.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import type { LayerCase } from "../_arbitrary.ts";
import { geometryOf, inputShapeOf, operandsOf } from "../_arbitrary.ts";
import { findWrongOutput } from "../_interpret_plan.ts";
import { prepare } from "../layers/_layers.ts";
import { caseOf } from "./_cases.ts";

/** Runs a layer's direct kernel on the default engine and compares it with the formula. */
function assertComputes(layerCase: LayerCase): void {
  const output = prepare(layerCase, "direct").forwardSync();
  const wrong = findWrongOutput(
    geometryOf(layerCase),
    operandsOf(layerCase),
    output.data,
    "direct",
  );
  assertStrictEquals(wrong, null, JSON.stringify(layerCase));
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** More than any register tile holds: its edges lie in between. */
const WIDTHS = range(1, 40);
const ROWS = range(1, 9);
const OUT_CHANNELS = range(1, 13);

/** Wider than any register tile, and every remainder of a vector. */
const WIDE = [61, 64, 66, 67, 129, 191, 192, 193];

Deno.test("Direct convolution computes every width with every number of output channels", () => {
  for (const outChannels of OUT_CHANNELS) {
    for (const width of WIDTHS) {
      // Rows and widths meet in the next test.
      const height = 1 + (width + outChannels) % 4;
      assertComputes(caseOf({
        rank: 2,
        inChannels: 3,
        outChannels,
        spatial: [height + 1, width + 2],
        kernelSize: [2, 3],
      }));
    }
  }
});

Deno.test("Direct convolution computes every number of rows with every number of output channels", () => {
  for (const outChannels of OUT_CHANNELS) {
    for (const height of ROWS) {
      for (const width of [1, 3, 4, 5, 9, 17]) {
        assertComputes(caseOf({
          rank: 2,
          inChannels: 2,
          outChannels,
          spatial: [height, width],
          kernelSize: [1, 3],
          options: { padding: [0, 1] },
        }));
      }
    }
  }
});

Deno.test("Depthwise convolution computes every width and number of rows", () => {
  for (const multiplier of [1, 2]) {
    for (const width of [...WIDTHS, ...WIDE]) {
      const height = 1 + width % 9;
      assertComputes(caseOf({
        rank: 2,
        inChannels: 3,
        outChannels: 3 * multiplier,
        spatial: [height, width],
        options: { groups: 3, padding: 1 },
      }));
    }
    for (const height of ROWS) {
      for (const width of [1, 4, 6, 8, 11]) {
        assertComputes(caseOf({
          rank: 2,
          inChannels: 5,
          outChannels: 5 * multiplier,
          spatial: [height + 2, width + 2],
          options: { groups: 5 },
        }));
      }
    }
  }
});

Deno.test("Transposed convolution computes every width and number of output channels", () => {
  for (const outChannels of OUT_CHANNELS) {
    for (const width of [...range(1, 12), 17, 31]) {
      assertComputes(caseOf({
        transposed: true,
        rank: 2,
        inChannels: 2,
        outChannels,
        spatial: [1 + width % 5, width],
        kernelSize: 3,
        options: { stride: 2, padding: 1, outputPadding: 1 },
      }));
    }
  }
});

Deno.test("Wide rows are computed to their ends", () => {
  for (const width of WIDE) {
    for (const outChannels of [1, 2, 3, 5]) {
      assertComputes(caseOf({ outChannels, spatial: [width], options: { padding: 1 } }));
    }
  }
});

/** Lengths of a sum around those at which it is written as a loop. */
const REDUCTIONS = [1, 2, 3, 4, 5, 7, 8, 9, 39, 40, 41, 63, 64, 65, 79, 80, 81, 127, 128, 130, 257];

Deno.test("Sums of every length are taken over channels, taps and both", () => {
  for (const length of REDUCTIONS) {
    for (const taps of [1, 2, 3, 4, 5, 8, 13, length].filter((taps) => length % taps === 0)) {
      for (const outChannels of [1, 5]) {
        const layerCase = caseOf({
          inChannels: length / taps,
          outChannels,
          spatial: [taps + 6],
          kernelSize: taps,
        });
        assertComputes(layerCase);
        assertComputes({ ...layerCase, transposed: true });
      }
    }
  }
});

Deno.test("Kernels of two and three axes are summed row by row", () => {
  for (const kernelSize of [[1, 7], [7, 1], [7, 7], [11, 11], [5, 13], [2, 3, 7], [3, 5, 5]]) {
    const rank = kernelSize.length === 2 ? 2 : 3;
    for (const inChannels of [1, 3]) {
      const layerCase = caseOf({
        rank,
        inChannels,
        outChannels: 4,
        spatial: kernelSize.map((size) => size + 3),
        kernelSize,
        options: { padding: "same" },
      });
      assertComputes(layerCase);
      assertComputes({ ...layerCase, transposed: true });
      assertComputes({
        ...layerCase,
        outChannels: inChannels,
        options: { ...layerCase.options, groups: inChannels },
      });
    }
  }
});

Deno.test("A single pixel is a convolution too", () => {
  for (const rank of [1, 2, 3] as const) {
    const spatial = new Array<number>(rank).fill(1);
    for (
      const [inChannels, outChannels, groups] of [[1, 1, 1], [17, 9, 1], [6, 6, 6], [
        4,
        8,
        2,
      ]] as const
    ) {
      const pointwise = caseOf({
        rank,
        inChannels,
        outChannels,
        spatial,
        kernelSize: 1,
        options: { groups },
      });
      const options = { groups, padding: 1 };
      assertComputes(pointwise);
      assertComputes({ ...pointwise, batch: 5 });
      assertComputes({ ...pointwise, kernelSize: 3, options });
      assertComputes({ ...pointwise, transposed: true });
      assertComputes({ ...pointwise, transposed: true, kernelSize: 3, options });
      const reduced = caseOf({
        rank,
        inChannels,
        outChannels,
        spatial: spatial.map(() => 5),
        kernelSize: 5,
      });
      assertComputes({ ...reduced, options: { groups } });
    }
  }
});

Deno.test("Images of one channel are filtered into many", () => {
  for (const kernelSize of [3, 7, 11]) {
    for (const outChannels of [1, 8, 32]) {
      for (const stride of [1, 2, 4]) {
        assertComputes(caseOf({
          rank: 2,
          outChannels,
          spatial: [23, 29],
          kernelSize,
          options: { stride, padding: (kernelSize - 1) / 2 },
        }));
      }
    }
  }
});

Deno.test("Long signals meet long kernels", () => {
  assertComputes(caseOf({ spatial: [20_000], kernelSize: 101, options: { padding: 50 } }));
  assertComputes(
    caseOf({ outChannels: 3, spatial: [16_000], kernelSize: 400, options: { stride: 160 } }),
  );
  assertComputes(caseOf({ spatial: [3000], kernelSize: 2999 }));
  assertComputes(
    caseOf({
      inChannels: 2,
      outChannels: 2,
      spatial: [5000],
      kernelSize: 301,
      options: { groups: 2 },
    }),
  );
  assertComputes(
    caseOf({ transposed: true, spatial: [99], kernelSize: 400, options: { stride: 160 } }),
  );
  assertComputes(caseOf({ transposed: true, spatial: [5], kernelSize: 20_000 }));
});

Deno.test("A kernel may have more taps than a call has arguments", () => {
  assertComputes(caseOf({ spatial: [150_002], kernelSize: 150_000 }));
  assertComputes(caseOf({ transposed: true, spatial: [3], kernelSize: 150_000 }));
});

Deno.test("Dilation may reach across most of the input", () => {
  assertComputes(caseOf({ spatial: [4000], kernelSize: 3, options: { dilation: 1999 } }));
  assertComputes(
    caseOf({
      inChannels: 9,
      outChannels: 10,
      spatial: [900],
      kernelSize: 5,
      options: { dilation: 200, padding: 30 },
    }),
  );
  assertComputes(
    caseOf({
      rank: 2,
      inChannels: 2,
      outChannels: 5,
      spatial: [60, 70],
      options: { dilation: [29, 17], stride: [1, 2] },
    }),
  );
  assertComputes(
    caseOf({
      rank: 2,
      inChannels: 4,
      outChannels: 4,
      spatial: [50, 41],
      options: { dilation: 20, groups: 4, padding: 3 },
    }),
  );
  assertComputes(
    caseOf({
      transposed: true,
      rank: 2,
      inChannels: 2,
      outChannels: 3,
      spatial: [5, 6],
      options: { dilation: [29, 17], stride: [2, 5] },
    }),
  );
});

Deno.test("A stride may be larger than the kernel and than the input", () => {
  for (const stride of [5, 7, 100, 5000]) {
    for (const kernelSize of [1, 3]) {
      const layerCase = caseOf({
        inChannels: 2,
        outChannels: 3,
        spatial: [20],
        kernelSize,
        options: { stride, padding: 2 },
      });
      assertComputes(layerCase);
      assertComputes({ ...layerCase, spatial: [3], transposed: true });
    }
  }
});

Deno.test("Mirrored padding may be strided as widely as the input is long", () => {
  for (const stride of [1, 3, 100, 5000]) {
    assertComputes(caseOf({
      spatial: [6000],
      kernelSize: 1,
      options: { stride, padding: [[stride - 1, 0]], paddingMode: "reflect" },
    }));
    assertComputes(caseOf({
      spatial: [6000],
      kernelSize: 4,
      options: { stride, padding: [[3, 5]], paddingMode: "reflect" },
    }));
  }
});

/** A case run on an input with infinities and a NaN at its border and within. */
function assertPropagates(layerCase: LayerCase): void {
  const operands = operandsOf(layerCase);
  const specials = [NaN, Infinity, -Infinity, Infinity];
  const { length } = operands.input;
  specials.forEach((value, index) => {
    operands.input[Math.floor(index * (length - 1) / (specials.length - 1))] = value;
  });
  // An infinity times zero is not a number.
  operands.weight[0] = 0;
  const { layer } = prepare(layerCase, "direct");
  layer.weight.data.set(operands.weight);
  const output = layer.forwardSync(new Tensor(operands.input, inputShapeOf(layerCase)));
  const wrong = findWrongOutput(geometryOf(layerCase), operands, output.data, "direct");
  assertStrictEquals(wrong, null, JSON.stringify(layerCase));
}

Deno.test("Infinities and NaN in the input propagate as the formula says", () => {
  const modes: PaddingMode[] = ["zeros", "reflect", "replicate", "circular"];
  const shapes: Partial<LayerCase>[] = [
    { rank: 2, inChannels: 3, outChannels: 5, spatial: [9, 11] },
    { rank: 2, inChannels: 4, outChannels: 4, spatial: [9, 11] },
    { rank: 1, inChannels: 1, outChannels: 2, spatial: [41], kernelSize: 5 },
    { rank: 3, inChannels: 2, outChannels: 4, spatial: [4, 5, 6], kernelSize: 2 },
    { rank: 1, inChannels: 2, outChannels: 2, spatial: [41], kernelSize: 1 },
  ];
  for (const shape of shapes) {
    const groups = shape.inChannels === 4 ? 4 : 1;
    for (const stride of [1, 2]) {
      for (const paddingMode of modes) {
        assertPropagates(
          caseOf({ ...shape, options: { padding: 1, stride, groups, paddingMode } }),
        );
      }
      assertPropagates(caseOf({ ...shape, options: { stride, groups } }));
      const transposed = { ...shape, transposed: true };
      assertPropagates(caseOf({ ...transposed, options: { stride, groups } }));
      assertPropagates(caseOf({ ...transposed, options: { padding: 1, stride, groups } }));
    }
  }
});
