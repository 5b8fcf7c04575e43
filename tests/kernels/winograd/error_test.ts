import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { Conv2d, Engine, Tensor } from "../../../mod.ts";
import {
  AVX2_TARGET,
  AVX512_TARGET,
  type Target,
  UNFUSED_WASM_TARGET,
  WASM_TARGET,
} from "../../../src/codegen/target.ts";
import type { MultiplyAdd } from "../../../src/codegen/interpret.ts";
import type { Geometry } from "../../../src/convolution/geometry.ts";
import { NO_EPILOGUE } from "../../../src/convolution/epilogue.ts";
import { range } from "../../../src/base/numbers.ts";
import type { Plan } from "../../../src/kernels/plan.ts";
import { reference } from "../../../src/convolution/formula.ts";
import { axisUses } from "../../../src/kernels/winograd/applies.ts";
import { partKernels } from "../../../src/kernels/winograd/parts.ts";
import { planWinograd } from "../../../src/kernels/winograd/plan.ts";
import { productTile } from "../../../src/kernels/winograd/product.ts";
import { tilePlane } from "../../../src/kernels/winograd/tiling.ts";
import {
  type AxisTransform,
  axisTransform,
  commonFactor,
  commonIndex,
  outputDivisor,
  TILE_INPUTS,
  type TileInputs,
} from "../../../src/kernels/winograd/transform.ts";
import { type CaseOperands, geometryOf, operandsOf } from "../../_arbitrary.ts";
import { multiplyAddOf, outputOf, runPlan } from "../../_interpret_plan.ts";
import {
  amplification,
  traceAxis,
  transformRoundings,
  type Transforms,
  winogradBounds,
} from "../../_winograd_error.ts";
import { caseOf } from "../_cases.ts";

const TARGETS: readonly Target[] = [
  WASM_TARGET,
  UNFUSED_WASM_TARGET,
  AVX2_TARGET,
  AVX512_TARGET,
];

/** Every transform that there is. */
const TRANSFORMS: readonly AxisTransform[] = TILE_INPUTS.flatMap((inputs) =>
  [2, 3, 4, 5].flatMap((taps) => axisTransform(taps, inputs) ?? [])
);

Deno.test("The three transforms of Winograd's algorithm make a correlation", () => {
  for (const transform of TRANSFORMS) {
    const { input, kernel, output } = traceAxis(transform);
    for (const i of range(transform.outputs)) {
      for (const tap of range(transform.taps)) {
        for (const position of range(transform.inputs)) {
          const factor = range(transform.inputs).reduce((sum, a) => {
            const [x, w, y] = [input.matrix[a], kernel.matrix[a], output.matrix[i]];
            return sum + (y?.[a] ?? NaN) * (w?.[tap] ?? NaN) * (x?.[position] ?? NaN);
          }, 0);
          assertAlmostEquals(factor, position === i + tap ? 1 : 0, 1e-12);
        }
      }
    }
  }
});

Deno.test("What the inputs of a tile share meets nothing but the sum of the taps, exactly", () => {
  for (const transform of TRANSFORMS) {
    const { input, kernel } = traceAxis(transform);
    input.matrix.forEach((factors, a) => {
      const constant = factors.reduce((x, y) => x + y, 0);
      assertEquals(constant, a === commonIndex(transform) ? commonFactor(transform) : 0);
    });
    const taps = kernel.matrix[commonIndex(transform)] ?? [];
    for (const factor of taps) assertEquals(factor, taps[0]);
    assert(Number.isInteger(Math.log2(Math.abs(taps[0] ?? NaN))));
  }
});

/** What the documentation of `Algorithm` says, by the inputs of a tile. */
const AMPLIFICATION: Readonly<Record<number, number>> = { 3: 4, 4: 4, 5: 11.5, 6: 18.3 };
const MOST_TRANSFORM_ROUNDINGS = 35;
const MOST_UNFUSED_ROUNDINGS = 37;
const OVERFLOW_FACTOR = 8200;

Deno.test("The transforms amplify errors as much as the documentation says, and no more", () => {
  for (const transform of TRANSFORMS) {
    const said = AMPLIFICATION[transform.inputs] ?? NaN;
    const is = amplification(traceAxis(transform));
    assert(is <= said && is > said - 0.1, `${transform.inputs} inputs: ${is}, not ${said}`);
  }
  const mostRoundings = (target: Target) => {
    const axes = TRANSFORMS.map((transform) => traceAxis(transform, target));
    return Math.max(...axes.map((axis) => transformRoundings([axis, axis])));
  };
  assertEquals(mostRoundings(WASM_TARGET), MOST_TRANSFORM_ROUNDINGS);
  assertEquals(mostRoundings(UNFUSED_WASM_TARGET), MOST_UNFUSED_ROUNDINGS);
});

/** A layer of a channel or some, and what it is computed on. */
interface ErrorCase {
  readonly name: string;
  readonly geometry: Geometry;
  readonly operands: CaseOperands;
}

const SIZE = 13;

/** Kernels whose weights cancel, and some whose do not. */
const KERNELS: Readonly<Record<string, readonly number[]>> = {
  laplacian: [0, 1, 0, 1, -4, 1, 0, 1, 0],
  sobel: [-1, 0, 1, -2, 0, 2, -1, 0, 1],
  sharpen: [0, -1, 0, -1, 5, -1, 0, -1, 0],
  box: range(9).map(() => 1),
  derivative: [0, 0, 0, -1, 1, 0, 0, 0, 0],
  magnitudes: [1e-6, 1e6, -1, 3e3, -1e-3, 7e5, -1e6, 2e-2, 0.3],
};

/** Numbers that look random and are always the same, from 0 to 1. */
function numbers(seed: number): () => number {
  const { data } = Tensor.uniform([4096], { seed });
  let at = 0;
  return () => data[at++ % data.length] ?? 0;
}

/** What a picture is made of: values from random ones. */
const PICTURES: Readonly<Record<string, (random: () => number) => number>> = {
  "a large offset": (random) => 1e4 + random() / 100,
  "an offset beyond all differences": (random) => 1e6 + Math.floor(2 * random()),
  "either sign": (random) => random() < 0.5 ? -1 : 1,
  "any magnitude": (random) => (random() - 0.5) * 10 ** (12 * random()),
  "whole numbers": (random) => Math.floor(65536 * random()),
  "denormal numbers": (random) => (random() - 0.5) * 2 ** -140,
};

function errorCases(channels: number): ErrorCase[] {
  const layerCase = caseOf({
    rank: 2,
    spatial: [SIZE, SIZE],
    inChannels: channels,
    bias: false,
  });
  const geometry = geometryOf(layerCase);
  return Object.entries(KERNELS).flatMap(([kernel, taps]) =>
    Object.entries(PICTURES).map(([picture, value], i) => {
      const random = numbers(i);
      const input = Float32Array.from({ length: channels * SIZE * SIZE }, () => value(random));
      const weight = Float32Array.from(range(channels).flatMap(() => taps));
      const name = `${kernel} on ${picture}`;
      return { name, geometry, operands: { input, weight, bias: null } };
    })
  );
}

/** A plan with so many inputs along the axes of a tile, where there are such tiles, and its transforms. */
function planOfTiles(
  geometry: Geometry,
  target: Target,
  height: TileInputs,
  width: TileInputs,
): {
  readonly plan: Plan;
  readonly transforms: readonly Transforms[];
  readonly multiplyAdd: MultiplyAdd;
} {
  const [uses] = axisUses(geometry);
  if (uses === undefined) throw new Error("The algorithm does not apply");
  const planes = partKernels(geometry, uses).map((kernel) => {
    const plane = tilePlane(kernel, height, width) ?? tilePlane(kernel, 6, 6);
    if (plane === null) throw new Error("There are no such tiles");
    return plane;
  });
  const { outChannels } = geometry;
  const request = {
    geometry,
    pass: "forward",
    hasBias: false,
    epilogue: NO_EPILOGUE,
    algorithm: "winograd",
    target,
  } as const;
  const choices = planes.map(({ kernel, height, width, rows, columns }) => {
    const tile = productTile(target, outChannels, Math.ceil(rows * columns / target.lanes));
    const block = { blockRows: rows, blockColumns: columns, blockParts: 1 };
    return {
      kernel,
      height,
      width,
      ...block,
      tile,
      outChannels,
      phases: 2,
      positions: Infinity,
    } as const;
  });
  const body = planWinograd(request, choices);
  const plan: Plan = { ...body, id: "winograd", biasCopies: 1 };
  return { plan, transforms: planes, multiplyAdd: multiplyAddOf(target) };
}

/** The largest part of its bound that an output is off by. */
function partOfBound(
  { plan, transforms, multiplyAdd }: ReturnType<typeof planOfTiles>,
  { geometry, operands }: Omit<ErrorCase, "name">,
): number {
  const output = outputOf(runPlan(plan, operands, undefined, multiplyAdd), geometry);
  const expected = reference(geometry, operands);
  const bounds = transforms.map((pair) => winogradBounds(geometry, operands, pair));
  return output.reduce((most, value, i) => {
    const bound = Math.max(...bounds.map((bound) => bound[i] ?? NaN));
    return Math.max(most, Math.abs(value - (expected[i] ?? NaN)) / bound);
  }, 0);
}

/** Inputs along both axes of a tile of a 3x3 kernel. */
const TILES = ([6, 5, 4] as const).flatMap((height) =>
  ([6, 5, 4] as const).map((width) => [height, width] as const)
);

Deno.test("Winograd's algorithm stays within its bound on data that provoke errors", () => {
  for (const errorCase of errorCases(3)) {
    for (const target of TARGETS) {
      for (const [height, width] of TILES) {
        const tiles = planOfTiles(errorCase.geometry, target, height, width);
        const part = partOfBound(tiles, errorCase);
        assert(part <= 1, `${errorCase.name}, ${target.name}, ${height}x${width}: ${part}`);
      }
    }
  }
});

Deno.test("The bound of Winograd's algorithm holds for every kind of convolution", () => {
  const sizes = { rank: 2, spatial: [15, 17], inChannels: 2, outChannels: 2, bias: false } as const;
  const geometries = [
    ...[2, 4, 5].map((kernelSize) => caseOf({ ...sizes, kernelSize })),
    caseOf({ ...sizes, kernelSize: [1, 3] }),
    caseOf({ ...sizes, kernelSize: [4, 1] }),
    caseOf({ ...sizes, kernelSize: [7, 3] }),
    caseOf({ ...sizes, options: { padding: 1 } }),
    caseOf({ ...sizes, options: { padding: 2, paddingMode: "reflect" } }),
    caseOf({ ...sizes, kernelSize: 3, options: { dilation: 2 } }),
    ...[3, 5].map((kernelSize) => caseOf({ ...sizes, kernelSize, options: { stride: 2 } })),
    ...[3, 4].map((kernelSize) =>
      caseOf({ ...sizes, transposed: true, kernelSize, options: { stride: 2, padding: 1 } })
    ),
    caseOf({ ...sizes, rank: 3, spatial: [4, 7, 9], kernelSize: 3 }),
  ].map((layerCase) => ({ geometry: geometryOf(layerCase), drawn: operandsOf(layerCase) }));
  for (const { geometry, drawn } of geometries) {
    for (const [picture, value] of Object.entries(PICTURES)) {
      const random = numbers(geometry.kernel[2]);
      const input = drawn.input.map(() => value(random));
      for (const target of TARGETS) {
        for (const inputs of TILE_INPUTS) {
          const tiles = planOfTiles(geometry, target, inputs, inputs);
          const part = partOfBound(tiles, { geometry, operands: { ...drawn, input } });
          const what = `${
            JSON.stringify(geometry)
          } on ${picture}, ${target.name}, ${inputs} inputs`;
          assert(part <= 1, `${what}: ${part}`);
        }
      }
    }
  }
});

Deno.test("Winograd's algorithm stays within its bound where a search makes errors as large as it can", () => {
  const layerCase = caseOf({ rank: 2, spatial: [6, 6], bias: false });
  const geometry = geometryOf(layerCase);
  for (const [height, width] of TILES) {
    const tiles = planOfTiles(geometry, WASM_TARGET, height, width);
    const random = numbers(height * width);
    const input = Float32Array.from(
      { length: 36 },
      () => random() < 0.5 ? -1 - random() : 1 + random(),
    );
    const weight = Float32Array.from({ length: 9 }, () => random() - 0.5);
    const operands = { input, weight, bias: null };
    let most = partOfBound(tiles, { geometry, operands });
    // Whatever makes the error larger is kept.
    for (const values of [input, weight, input]) {
      for (const i of values.keys()) {
        const before = values[i] ?? 0;
        for (const factor of [-1, 1 + random() / 3, 1 - random() / 3]) {
          const kept = values[i] ?? 0;
          values[i] = before * factor;
          const part = partOfBound(tiles, { geometry, operands });
          if (part > most) most = part;
          else values[i] = kept;
        }
      }
    }
    assert(most <= 1, `${height}x${width}: ${most}`);
    // The bound is one for the worst case, but not out of all proportion.
    assert(most >= 1 / 5000, `${height}x${width}: ${most}`);
  }
});

Deno.test("Winograd's algorithm cancels a common value that is large as the formula does", () => {
  for (const target of TARGETS) {
    for (const [height, width] of TILES) {
      for (const name of ["laplacian", "sobel", "derivative"]) {
        const [found] = errorCases(3).filter((errorCase) =>
          errorCase.name === `${name} on a large offset`
        );
        if (found === undefined) throw new Error("There is no such case");
        const { geometry, operands } = found;
        const { plan, multiplyAdd } = planOfTiles(geometry, target, height, width);
        const output = outputOf(runPlan(plan, operands, undefined, multiplyAdd), geometry);
        const expected = reference(geometry, operands);
        const range = Math.max(...expected) - Math.min(...expected);
        output.forEach((value, i) => {
          const error = Math.abs(value - (expected[i] ?? NaN));
          assert(error <= 1e-5 * range, `${name}, ${target.name}, ${height}x${width}: ${error}`);
        });
      }
    }
  }
});

Deno.test("Winograd's algorithm overflows no earlier than the documentation says", () => {
  for (const transform of TRANSFORMS) {
    // Differences of inputs can be twice as large as these.
    const most = 2 * largestOnTheWay(transform) ** 2;
    assert(most <= OVERFLOW_FACTOR, `${transform.inputs} inputs: ${most}`);
  }
});

/**
 * The largest value that there is along the way for inputs and a sum of absolute taps of at most 1: of a
 * transform, of its products or of an output before it is divided.
 */
function largestOnTheWay(transform: AxisTransform): number {
  const { input, kernel, output } = traceAxis(transform);
  const inputs = input.absolute.map((row) => row.reduce((x, y) => x + y, 0));
  const taps = kernel.absolute.map((row) => Math.max(...row));
  const products = inputs.map((value, a) => value * (taps[a] ?? NaN));
  const divisor = outputDivisor(transform);
  const sums = output.absolute.map((row) =>
    row.reduce((sum, factor, a) => sum + factor * (products[a] ?? NaN), 0) * divisor
  );
  return Math.max(...inputs, ...taps, ...products, ...sums);
}

/** Pictures of a channel: values of whole numbers by row and column, and random ones. */
const IMAGES: Readonly<Record<string, (y: number, x: number, random: () => number) => number>> = {
  "8 bits": (y, x, random) => wave(y, x, 120) + 8 * random(),
  "8 bits with an offset": (y, x, random) => 1000 + wave(y, x, 120) + 8 * random(),
  "16 bits": (y, x, random) => wave(y, x, 32000) + 700 * random(),
  "16 bits, bright and flat": (y, x, random) => 60000 + wave(y, x, 1000) + 20 * random(),
};

function wave(y: number, x: number, size: number): number {
  return size * (1 + (Math.sin(y / 5) + Math.cos(x / 7 + y / 9)) / 2);
}

/** A grey level of 8 bits, in proportion to all there are. */
const GREY_LEVEL = 1 / 255;

Deno.test("Images and kernels of whole numbers come out exact to half a grey level, as by the formula", () => {
  const [channels, outChannels, size] = [32, 8, 40];
  for (const backend of ["auto", "wasm"] as const) {
    using engine = new Engine({ backend, threads: 1 });
    for (const [image, value] of Object.entries(IMAGES)) {
      const random = numbers(size);
      const input = Float32Array.from({ length: channels * size * size }, (_, i) => {
        const [channel, y, x] = [
          Math.floor(i / size / size),
          Math.floor(i / size) % size,
          i % size,
        ];
        return Math.round(value(y + 3 * channel, x + 5 * channel, random));
      });
      for (const kernel of ["laplacian", "sobel", "sharpen", "box", "derivative"]) {
        // Every output sees the channels with other signs and weights.
        const weight = Float32Array.from(
          range(outChannels).flatMap((out) =>
            range(channels).flatMap((channel) =>
              (KERNELS[kernel] ?? []).map((tap) => tap * ((out * channel) % 5 - 1))
            )
          ),
        );
        const layer = new Conv2d(channels, outChannels, 3, { bias: false, engine });
        layer.weight.data.set(weight);
        const shape = [1, channels, size, size];
        assertEquals(layer.explain(shape).family, "winograd");
        const geometry = geometryOf(
          caseOf({ rank: 2, spatial: [size, size], inChannels: channels, outChannels }),
        );
        const expected = reference(geometry, { input, weight });
        const { data } = layer.forwardSync(new Tensor(input, shape));
        const plane = data.length / outChannels;
        for (const out of range(outChannels)) {
          const should = expected.subarray(out * plane, (out + 1) * plane);
          const contrast = Math.max(...should) - Math.min(...should);
          should.forEach((value, i) => {
            const error = Math.abs((data[out * plane + i] ?? NaN) - value);
            assert(
              error <= GREY_LEVEL / 2 * contrast,
              `${kernel} on ${image}, ${backend}: ${error} of ${contrast}`,
            );
          });
        }
      }
    }
  }
});

Deno.test("Large values overflow in Winograd's algorithm no earlier than that", () => {
  const [errorCase] = errorCases(2);
  if (errorCase === undefined) throw new Error("There is no such case");
  const { geometry } = errorCase;
  const random = numbers(1);
  const input = Float32Array.from(errorCase.operands.input, () => random() < 0.5 ? -1 : 1);
  const weight = Float32Array.from(errorCase.operands.weight, () => random() < 0.5 ? -1 : 1);
  const largest = 3.4e38 / OVERFLOW_FACTOR / weight.length;
  for (const target of TARGETS) {
    for (const [height, width] of TILES) {
      const tiles = planOfTiles(geometry, target, height, width);
      for (
        const [inputs, weights] of [[largest, 1], [1, largest], [1e17, largest / 1e17]] as const
      ) {
        const operands = {
          input: input.map((value) => value * inputs),
          weight: weight.map((value) => value * weights),
          bias: null,
        };
        const part = partOfBound(tiles, { geometry, operands });
        assert(part <= 1, `${target.name}, ${height}x${width}, ${inputs}: ${part}`);
      }
    }
  }
});
