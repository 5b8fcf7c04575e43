import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import {
  type Algorithm,
  conv,
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose2d,
  Engine,
  Tensor,
} from "../../../mod.ts";
import {
  AVX2_TARGET,
  AVX512_TARGET,
  type Target,
  WASM_TARGET,
} from "../../../src/codegen/target.ts";
import type { Geometry } from "../../../src/convolution/geometry.ts";
import type { PaddingMode } from "../../../src/convolution/settings.ts";
import { type Epilogue, NO_EPILOGUE } from "../../../src/convolution/epilogue.ts";
import type { Plan, Problem } from "../../../src/kernels/plan.ts";
import { reference, referenceMagnitude } from "../../../src/convolution/formula.ts";
import { least } from "../../../src/base/numbers.ts";
import { allowsWinograd, axisUses } from "../../../src/kernels/winograd/applies.ts";
import { cheapestWay } from "../../../src/kernels/winograd/choice.ts";
import { type PartKernel, partKernels } from "../../../src/kernels/winograd/parts.ts";
import { planWinograd } from "../../../src/kernels/winograd/plan.ts";
import { productTile } from "../../../src/kernels/winograd/product.ts";
import type { WinogradChoice } from "../../../src/kernels/winograd/shape.ts";
import { tilePlane, tiling } from "../../../src/kernels/winograd/tiling.ts";
import { TILE_INPUTS, type TileInputs } from "../../../src/kernels/winograd/transform.ts";
import type { CaseOperands, LayerCase } from "../../_arbitrary.ts";
import { geometryOf, operandsOf, relativeError } from "../../_arbitrary.ts";
import { draws, some } from "../../_depth.ts";
import {
  ADDEND,
  behindOutput,
  outputOf,
  planOf,
  runPlan,
  WINOGRAD_BOUND,
} from "../../_interpret_plan.ts";
import type { Size } from "../../../src/convolution/settings.ts";
import { liveRegisters } from "../../_live_registers.ts";
import { caseOf } from "../_cases.ts";

const TARGETS: readonly Target[] = [WASM_TARGET, AVX2_TARGET, AVX512_TARGET];

function requestOf(
  geometry: Geometry,
  hasBias: boolean,
  epilogue = NO_EPILOGUE,
  target = WASM_TARGET,
): Problem {
  return { pass: "forward", geometry, hasBias, epilogue, algorithm: "winograd", target };
}

/** How a block is cut, beside the transform. */
type Tiling = Pick<WinogradChoice, "phases"> & {
  readonly target: Target;
  readonly rows: number;
  readonly columns: number;
  /** Parts of a block, if there are so many. */
  readonly parts?: number;
};

/** Blocks of one vector, of all tiles, of some rows, and of several parts, in any number of phases. */
const TILINGS: readonly Tiling[] = TARGETS.flatMap((target) => [
  { target, rows: 1, columns: target.lanes, phases: 2 },
  { target, rows: 2, columns: Infinity, phases: 2 },
  { target, rows: Infinity, columns: Infinity, phases: 2 },
  { target, rows: 1, columns: target.lanes, phases: 1 },
  { target, rows: 2, columns: Infinity, phases: 1 },
  { target, rows: 1, columns: target.lanes, phases: 3 },
  { target, rows: 2, columns: Infinity, phases: 3 },
  { target, rows: Infinity, columns: Infinity, parts: 3, phases: 3 },
]);

/** Inputs of a tile along both axes. */
type Inputs = readonly [height: TileInputs, width: TileInputs];

/** Every number of inputs along one axis with each along the other. */
const ALL_INPUTS: readonly Inputs[] = TILE_INPUTS.flatMap((height) =>
  TILE_INPUTS.map((width) => [height, width] as const)
);

/** Tiles of so many inputs, or of more where the kernel has no transforms for them. */
function planeOf(kernel: PartKernel, [height, width]: Inputs) {
  const plane = tilePlane(kernel, height, width) ?? tilePlane(kernel, 6, 6);
  if (plane === null) throw new Error("There is no transform for these taps");
  return plane;
}

function choiceOf(
  g: Geometry,
  kernel: PartKernel,
  inputs: Inputs,
  tiling: Tiling,
): WinogradChoice {
  const { target } = tiling;
  const { height, width, rows, columns } = planeOf(kernel, inputs);
  const blockColumns = Math.min(columns, tiling.columns);
  const whole = blockColumns === columns;
  const canBeFused = g.kernel[0] === 1 && g.stride[0] === 1;
  const all = g.outChannels / g.groups;
  const blockRows = whole ? Math.min(rows, tiling.rows) : 1;
  const blockParts = Math.min(tiling.parts ?? 1, kernel.parts.length);
  const vectors = Math.ceil(blockParts * blockRows * blockColumns / target.lanes);
  const tile = productTile(target, all, vectors);
  return {
    kernel,
    height,
    width,
    blockColumns,
    blockRows,
    blockParts,
    tile,
    outChannels: Math.min(all, tile.panel),
    phases: tiling.phases === 1 && !canBeFused ? 2 : tiling.phases,
    positions: tiling.phases === 3 ? 5 : Infinity,
  };
}

/** How a convolution is computed. */
interface Variant {
  readonly inputs: Inputs;
  readonly tiling: Tiling;
  /** Which of the ways to use the axes, counted round and round. Default the first. */
  readonly way?: number;
}

function winogradPlan(
  geometry: Geometry,
  hasBias: boolean,
  { inputs, tiling, way = 0 }: Variant,
  epilogue: Epilogue = NO_EPILOGUE,
): Plan {
  const request = requestOf(geometry, hasBias, epilogue, tiling.target);
  const ways = axisUses(geometry);
  const uses = ways[way % ways.length];
  if (uses === undefined) throw new Error("The algorithm does not apply");
  const choices = partKernels(geometry, uses).map((kernel) =>
    choiceOf(geometry, kernel, inputs, tiling)
  );
  return { ...planWinograd(request, choices), id: "winograd", biasCopies: 1 };
}

/** The output of a plan, every access checked, after a look behind its end. */
function computed(plan: Plan, geometry: Geometry, operands: CaseOperands): Float32Array {
  const memory = runPlan(plan, operands);
  assert(behindOutput(memory, geometry).every(Number.isNaN), "Something was written too far");
  return outputOf(memory, geometry);
}

/** How many variants of a case are computed: fewer than there are tilings. */
const VARIANTS = 16;

/** Counts the variants of all cases, so that each meets some others in every case. */
let turn = 0;

/** Every tiling with every number of inputs, and each of them with each way to use the axes, by turns. */
function nextVariant(): Variant & { readonly tiling: Tiling } {
  const round = Math.floor(turn / TILINGS.length);
  const tiling = TILINGS[turn % TILINGS.length];
  // 7 and the number of all have no factor in common.
  const inputs = ALL_INPUTS[(7 * turn + round) % ALL_INPUTS.length];
  if (tiling === undefined || inputs === undefined) throw new RangeError("There is no such turn");
  turn++;
  return { tiling, inputs, way: turn + round };
}

/** Checks some variants against the formula. */
function checkCase(layerCase: LayerCase): void {
  const geometry = geometryOf(layerCase);
  const operands = operandsOf(layerCase);
  const expected = reference(geometry, operands);
  const largest = referenceMagnitude(geometry, operands).reduce((a, b) => Math.max(a, b), 0);
  for (let count = draws(VARIANTS); count > 0; count--) {
    const variant = nextVariant();
    const plan = winogradPlan(geometry, layerCase.bias, variant);
    const output = computed(plan, geometry, operands);
    const error = output.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - (expected[i] ?? NaN))),
      0,
    );
    assert(
      error <= WINOGRAD_BOUND * largest,
      `${variant.inputs} inputs ${JSON.stringify({ ...variant.tiling, ...layerCase })}: ${error}`,
    );
  }
}

Deno.test("Winograd's algorithm computes every number of outputs from 1 to 13 on an axis", () => {
  for (let size = 1; size <= 13; size++) {
    const common = { inChannels: 3, outChannels: 5 };
    const padding = { options: { padding: 1 } };
    checkCase(caseOf({ ...common, ...padding, spatial: [size] }));
    checkCase(caseOf({ ...common, ...padding, rank: 2, spatial: [size, 14 - size] }));
    checkCase(caseOf({ ...common, rank: 2, spatial: [size + 2, 20] }));
    checkCase(caseOf({ ...common, rank: 2, spatial: [5, size + 14] }));
  }
});

Deno.test("Winograd's algorithm computes every number of channels from 1 to 9", () => {
  for (let channels = 1; channels <= 9; channels++) {
    const spatial = [6, 19];
    checkCase(caseOf({ rank: 2, spatial, inChannels: channels, outChannels: 10 - channels }));
  }
});

Deno.test("Winograd's programs leave two registers of machine code free", () => {
  const epilogue = { add: true, activation: "relu6", negativeSlope: 0 } as const;
  const sizes = { inChannels: 5, outChannels: 61, options: { padding: 1 } };
  const geometries = [
    caseOf({ ...sizes, rank: 2, spatial: [9, 70] }),
    caseOf({ ...sizes, rank: 2, spatial: [30, 9], kernelSize: [3, 1], options: {} }),
    caseOf({ ...sizes, spatial: [300] }),
    ...[2, 4, 5].map((kernelSize) => caseOf({ ...sizes, rank: 2, spatial: [9, 70], kernelSize })),
    caseOf({ ...sizes, rank: 2, spatial: [9, 70], kernelSize: [2, 5], options: { dilation: 2 } }),
    caseOf({ ...sizes, rank: 2, spatial: [20, 70], kernelSize: 3, options: { dilation: 2 } }),
    caseOf({ ...sizes, rank: 2, spatial: [20, 70], kernelSize: 7, options: { stride: 2 } }),
    caseOf({
      ...sizes,
      transposed: true,
      rank: 2,
      spatial: [5, 30],
      kernelSize: 4,
      options: { stride: 2 },
    }),
  ].map(geometryOf);
  for (const geometry of geometries) {
    for (const inputs of some(ALL_INPUTS, 6)) {
      for (const tiling of TILINGS) {
        if (tiling.target === WASM_TARGET) continue;
        const plan = winogradPlan(geometry, true, { inputs, tiling }, epilogue);
        for (const { programs } of [...plan.preparation, ...plan.phases]) {
          for (const program of programs) {
            const most = liveRegisters(program);
            assert(most <= tiling.target.registers - 2, `${program.name}: ${most}`);
          }
        }
      }
    }
  }
});

Deno.test("Winograd's algorithm adds up sums of more channels than one chunk of them", () => {
  for (const inChannels of [127, 128, 129, 300]) {
    checkCase(caseOf({ spatial: [11], inChannels, outChannels: 2 }));
  }
});

Deno.test("Winograd's algorithm computes kernels of 1 and 3 of every rank", () => {
  const channels = { inChannels: 3, outChannels: 5, batch: 2 };
  for (const kernelSize of [[3, 3], [1, 3], [3, 1]]) {
    checkCase(caseOf({ ...channels, rank: 2, spatial: [9, 10], kernelSize }));
    checkCase(caseOf({ ...channels, rank: 3, spatial: [4, 5, 9], kernelSize: [1, ...kernelSize] }));
    const options = { padding: [2, 1, 1], stride: [2, 1, 1], dilation: [2, 1, 1] };
    checkCase(
      caseOf({ ...channels, rank: 3, spatial: [5, 5, 6], kernelSize: [3, ...kernelSize], options }),
    );
    const padded = { padding: [1, 1, 1] };
    checkCase(
      caseOf({
        ...channels,
        rank: 3,
        spatial: [2, 5, 6],
        kernelSize: [1, ...kernelSize],
        options: padded,
      }),
    );
  }
});

Deno.test("Winograd's algorithm computes every pair of kernel sizes from 1 to 5", () => {
  const channels = { inChannels: 3, outChannels: 5 };
  for (let height = 1; height <= 5; height++) {
    for (let width = 1; width <= 5; width++) {
      if (height * width === 1) continue;
      const kernelSize = [height, width];
      const options = { padding: [[height - 1, 0], [1, width - 1]] } as const;
      checkCase(caseOf({ ...channels, rank: 2, spatial: [7, 12], kernelSize, options }));
    }
  }
  for (let kernelSize = 2; kernelSize <= 5; kernelSize++) {
    for (let size = kernelSize; size <= kernelSize + 11; size++) {
      checkCase(caseOf({ ...channels, spatial: [size], kernelSize }));
    }
    checkCase(caseOf({ ...channels, spatial: [100], kernelSize }));
  }
});

Deno.test("Winograd's algorithm computes dilated convolutions, residue by residue", () => {
  const channels = { inChannels: 3, outChannels: 5, batch: 2 };
  for (const dilation of [2, [1, 4], [5, 3]]) {
    for (const kernelSize of [3, [2, 5]]) {
      const options = { dilation, padding: [[3, 1], [2, 4]] } as const;
      checkCase(caseOf({ ...channels, rank: 2, spatial: [17, 24], kernelSize, options }));
    }
  }
  for (const paddingMode of ["reflect", "replicate", "circular"] as const) {
    const options = { dilation: 3, padding: 5, paddingMode };
    checkCase(caseOf({ ...channels, rank: 2, spatial: [9, 14], options }));
  }
  checkCase(caseOf({ spatial: [10], kernelSize: 2, options: { dilation: 9 } }));
});

Deno.test("Winograd's algorithm computes the stride phases of transposed convolutions", () => {
  const common = { transposed: true, inChannels: 3, outChannels: 5, batch: 2 } as const;
  for (const stride of [1, 2, 3]) {
    for (let kernelSize = Math.max(2, stride); kernelSize <= 5; kernelSize++) {
      if (kernelSize === stride) continue;
      for (const padding of [0, 1] as const) {
        const options = { stride, padding, outputPadding: stride - 1 };
        checkCase(caseOf({ ...common, rank: 2, spatial: [5, 9], kernelSize, options }));
        checkCase(caseOf({ ...common, spatial: [23], kernelSize, options }));
      }
    }
  }
  const options = { stride: [2, 1], padding: [[1, 2], [0, 3]], groups: 3 } as const;
  const groups = { ...common, inChannels: 6, outChannels: 9 };
  checkCase(caseOf({ ...groups, rank: 2, spatial: [6, 8], kernelSize: [4, 3], options }));
  checkCase(
    caseOf({
      ...common,
      rank: 3,
      spatial: [3, 4, 6],
      kernelSize: [1, 4, 3],
      options: { stride: [1, 2, 1] },
    }),
  );
});

Deno.test("Winograd's algorithm computes strided convolutions, residue by residue", () => {
  const channels = { inChannels: 3, outChannels: 5, batch: 2 };
  for (const [kernelSize, stride] of [[3, 2], [4, 2], [5, 2], [7, 2], [5, 3], [11, 4]] as const) {
    for (const padding of [0, 1, kernelSize >> 1]) {
      checkCase(caseOf({ ...channels, spatial: [31], kernelSize, options: { stride, padding } }));
    }
    const options = { stride: [stride, 1], padding: [[1, 2], [0, 1]] } as const;
    checkCase(
      caseOf({ ...channels, rank: 2, spatial: [17, 9], kernelSize: [kernelSize, 3], options }),
    );
  }
  const square = { ...channels, rank: 2, spatial: [15, 18] } as const;
  checkCase(caseOf({ ...square, kernelSize: 3, options: { stride: 2, padding: 1 } }));
  checkCase(caseOf({ ...square, kernelSize: 4, options: { stride: 2, padding: 1 } }));
  for (const paddingMode of ["reflect", "replicate", "circular"] as const) {
    const options = { stride: 2, padding: 3, paddingMode };
    checkCase(caseOf({ ...channels, rank: 2, spatial: [5, 6], kernelSize: 3, options }));
    checkCase(caseOf({ ...channels, spatial: [4], kernelSize: 5, options }));
  }
  const deep = { stride: [2, 2, 1], dilation: [2, 1, 1], padding: 1 };
  checkCase(caseOf({ ...channels, rank: 3, spatial: [6, 7, 8], options: deep }));
});

Deno.test("Winograd's algorithm takes axes that it does not suit tap by tap", () => {
  const square = { rank: 2, spatial: [16, 19], inChannels: 3, outChannels: 5 } as const;
  checkCase(caseOf({ ...square, kernelSize: [7, 3] }));
  checkCase(caseOf({ ...square, kernelSize: [3, 9], options: { padding: [1, 4] } }));
  const options = { stride: [2, 1], padding: [4, 2], dilation: [3, 1] };
  checkCase(caseOf({ ...square, kernelSize: [3, 5], options }));
});

Deno.test("Winograd's algorithm computes any kernel, stride and dilation that allow it", () => {
  const axis = () =>
    fc.record({
      size: fc.integer({ min: 1, max: 16 }),
      kernel: fc.integer({ min: 1, max: 8 }),
      stride: fc.integer({ min: 1, max: 3 }),
      dilation: fc.constantFrom(1, 1, 2, 3, 4),
      begin: fc.nat(3),
      end: fc.nat(3),
    });
  const cases = fc.record({
    transposed: fc.boolean(),
    axes: fc.tuple(axis(), axis()),
    groups: fc.integer({ min: 1, max: 2 }),
    seed: fc.nat(),
  }).map(({ transposed, axes, groups, seed }) => {
    const of = (name: "size" | "kernel" | "stride" | "dilation") => axes.map((axis) => axis[name]);
    const [kernelSize, stride, dilation] = [of("kernel"), of("stride"), of("dilation")];
    // Of a convolution the kernel has to fit.
    const spatial = axes.map(({ size, kernel, dilation }) =>
      transposed ? size + 3 : size + (kernel - 1) * dilation
    );
    return {
      allowed: allowsWinograd({ transposed, kernel: kernelSize, stride, dilation }),
      layerCase: caseOf({
        transposed,
        rank: 2,
        spatial,
        kernelSize,
        inChannels: 2 * groups,
        outChannels: 3 * groups,
        options: { stride, dilation, groups, padding: axes.map(({ begin, end }) => [begin, end]) },
        seed,
      }),
    };
  }).filter(({ allowed, layerCase }) => {
    return allowed && least(outputSizes(layerCase)) > 0 && seesInput(geometryOf(layerCase));
  });
  fc.assert(fc.property(cases, ({ layerCase }) => checkCase(layerCase)), { numRuns: draws(25) });
});

/** Whether every output meets some input. */
function seesInput(geometry: Geometry): boolean {
  return axisUses(geometry).every((uses) =>
    partKernels(geometry, uses).every(({ taps }) =>
      taps.height.flat().length * taps.width.flat().length > 0
    )
  );
}

/** Zero and less where the formula leaves nothing. */
function outputSizes({ transposed, spatial, kernelSize, options }: LayerCase): number[] {
  const per = (size: Size | undefined, axis: number) =>
    (typeof size === "number" ? size : size?.[axis]) ?? 1;
  return spatial.map((size, axis) => {
    const [begin, end] = Array.isArray(options.padding) ? options.padding[axis] : [0, 0];
    const extent = (per(kernelSize, axis) - 1) * per(options.dilation, axis) + 1;
    return transposed
      ? (size - 1) * per(options.stride, axis) + extent - begin - end
      : Math.floor((size + begin + end - extent) / per(options.stride, axis)) + 1;
  });
}

Deno.test("Winograd's algorithm computes any padding, mode, group and batch", () => {
  const cases = fc.record({
    paddingMode: fc.constantFrom<PaddingMode[]>("zeros", "reflect", "replicate", "circular"),
    pads: fc.array(fc.nat(4), { minLength: 4, maxLength: 4 }),
    spatial: fc.tuple(fc.integer({ min: 5, max: 12 }), fc.integer({ min: 5, max: 40 })),
    batch: fc.integer({ min: 1, max: 2 }),
    groups: fc.integer({ min: 1, max: 3 }),
    inPerGroup: fc.integer({ min: 1, max: 4 }),
    outPerGroup: fc.integer({ min: 1, max: 6 }),
    bias: fc.boolean(),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(cases, ({ paddingMode, pads, groups, inPerGroup, outPerGroup, ...rest }) => {
      const [top = 0, bottom = 0, left = 0, right = 0] = pads;
      checkCase(caseOf({
        rank: 2,
        ...rest,
        inChannels: groups * inPerGroup,
        outChannels: groups * outPerGroup,
        options: { groups, paddingMode, padding: [[top, bottom], [left, right]] },
      }));
    }),
    { numRuns: draws(15) },
  );
});

Deno.test("Winograd's algorithm adds and activates", () => {
  const layerCase = caseOf({ rank: 2, spatial: [7, 21], inChannels: 2, outChannels: 3 });
  const geometry = geometryOf(layerCase);
  const operands = operandsOf(layerCase);
  const expected = reference(geometry, operands).map((sum) => Math.max(0, sum + ADDEND));
  const epilogue = { add: true, activation: "relu", negativeSlope: 0 } as const;
  for (const inputs of some(ALL_INPUTS, 6)) {
    for (const tiling of TILINGS) {
      const plan = winogradPlan(geometry, layerCase.bias, { inputs, tiling }, epilogue);
      assert(relativeError(computed(plan, geometry, operands), expected) <= WINOGRAD_BOUND);
    }
  }
});

Deno.test("How the tiles are cut does not change a bit of a result of Winograd's algorithm", () => {
  const layerCase = caseOf({ rank: 2, spatial: [13, 25], inChannels: 9, outChannels: 6 });
  const geometry = geometryOf(layerCase);
  const operands = operandsOf(layerCase);
  for (const inputs of some(ALL_INPUTS, 6)) {
    const [first, ...others] = TILINGS.map((tiling) =>
      computed(winogradPlan(geometry, layerCase.bias, { inputs, tiling }), geometry, operands)
    );
    for (const other of others) assertEquals(other, first);
  }
});

Deno.test("The error of Winograd's algorithm is what the documentation says", async () => {
  const settings = [8, 64, 512].flatMap((channels) =>
    [2, 3, 4, 5].flatMap((kernelSize) => [
      { channels, kernelSize, stride: 1, spatial: [256] },
      { channels, kernelSize, stride: 1, spatial: [18, 18] },
    ])
  ).concat(
    { channels: 3, kernelSize: 7, stride: 2, spatial: [40, 40] },
    { channels: 1, kernelSize: 10, stride: 5, spatial: [1000] },
    { channels: 64, kernelSize: 4, stride: 2, spatial: [30, 30] },
  );
  for (const { channels, kernelSize, stride, spatial } of settings) {
    const Layer = spatial.length === 1 ? Conv1d : Conv2d;
    const options = { padding: 1, stride };
    const layer = new Layer(channels, 8, kernelSize, { ...options, algorithm: "winograd" });
    const weight = Tensor.randn(layer.weight.shape, { seed: channels });
    layer.weight.data.set(weight.data);
    const input = Tensor.randn([1, channels, ...spatial], { seed: channels + 1 });
    const layerCase = caseOf({
      rank: spatial.length === 1 ? 1 : 2,
      spatial,
      kernelSize,
      inChannels: channels,
      outChannels: 8,
      options,
    });
    const expected = reference(geometryOf(layerCase), {
      input: input.data,
      weight: weight.data,
      bias: layer.bias?.data ?? null,
    });
    const { data } = await layer.forward(input);
    const error = relativeError(data, expected);
    assert(error <= 4e-6, `${channels} channels, kernel ${kernelSize} on ${spatial}: ${error}`);
  }
});

Deno.test("Winograd's algorithm gives the same bits with any number of threads", () => {
  const shapes = [[1, 16, 15, 17], [2, 24, 56, 40], [1, 16, 700]];
  for (const shape of shapes) {
    const channels = shape[1] ?? 1;
    const Layer = shape.length === 3 ? Conv1d : Conv2d;
    const input = Tensor.randn(shape, { seed: 1 });
    const [first, ...others] = [1, 2, 3].map((threads) => {
      using engine = new Engine({ threads });
      const options = { padding: 1, seed: 2, algorithm: "winograd", engine } as const;
      return new Layer(channels, 20, 3, options).forwardSync(input).data;
    });
    for (const other of others) assertEquals(other, first);
  }
});

Deno.test("Winograd's algorithm goes on where the work has to be done in pieces", () => {
  using engine = new Engine({ memory: 1 << 20, threads: 2 });
  const input = Tensor.randn([1, 8, 150, 120], { seed: 1 });
  const options = { padding: 1, paddingMode: "reflect", seed: 2, algorithm: "winograd" } as const;
  const small = new Conv2d(8, 8, 3, { ...options, engine });
  assert(small.explain(input.shape).pieces > 1);
  const expected = new Conv2d(8, 8, 3, options).forwardSync(input).data;
  assert(relativeError(small.forwardSync(input).data, expected) <= WINOGRAD_BOUND);
});

Deno.test("An output of Winograd's algorithm depends on no input far from it", () => {
  const layer = new Conv2d(8, 4, 3, { padding: 1, algorithm: "winograd", seed: 1 });
  for (const spoiler of [NaN, Infinity, -Infinity]) {
    const input = Tensor.randn([1, 8, 24, 24], { seed: 2 });
    const expected = layer.forwardSync(input).data.slice();
    input.data[12 * 24 + 12] = spoiler;
    layer.forwardSync(input).data.forEach((value, i) => {
      const [row, column] = [Math.floor(i / 24) % 24, i % 24];
      const apart = Math.max(Math.abs(row - 12), Math.abs(column - 12));
      if (apart <= 1) assert(!Number.isFinite(value));
      if (apart > 4) assertEquals(value, expected[i]);
    });
  }
});

Deno.test("The algorithm can be forced and forbidden", () => {
  const family = (layer: Conv2d | Conv1d | Conv3d, shape: number[]) => layer.explain(shape).family;
  const large = [1, 32, 28, 28];
  assertEquals(family(new Conv2d(32, 32, 3), large), "winograd");
  assertNotEquals(family(new Conv2d(32, 32, 3, { algorithm: "direct" }), large), "winograd");
  assertEquals(family(new Conv2d(1, 1, 3), [1, 1, 28, 28]), "depthwise");
  assertEquals(
    family(new Conv2d(1, 1, 3, { algorithm: "winograd" }), [1, 1, 28, 28]),
    "winograd",
  );
  assertEquals(family(new Conv2d(64, 128, 5, { stride: 2 }), [1, 64, 56, 56]), "winograd");
  assertEquals(family(new Conv2d(32, 32, 3, { dilation: 20 }), [1, 32, 50, 50]), "direct");
  assertEquals(family(new Conv2d(64, 64, 3, { dilation: 2 }), [1, 64, 56, 56]), "winograd");
  assertEquals(family(new Conv2d(32, 32, 5), large), "winograd");
  assertEquals(family(new Conv2d(32, 32, 7), large), "direct");
  assertEquals(family(new Conv1d(32, 32, 3), [1, 32, 500]), "winograd");
  assertEquals(family(new Conv3d(32, 32, 3), [1, 32, 6, 12, 12]), "winograd");
});

Deno.test("The algorithm of transposed layers can be forced and forbidden", () => {
  const shape = [1, 64, 32, 32];
  const build = (algorithm: Algorithm) =>
    new ConvTranspose2d(64, 64, 4, { stride: 2, padding: 1, algorithm });
  assertEquals(build("auto").algorithm, "auto");
  assertEquals(build("auto").explain(shape).family, "winograd");
  assertEquals(build("winograd").explain(shape).family, "winograd");
  assertEquals(build("direct").explain(shape).family, "direct");
});

Deno.test("Winograd's algorithm is refused, with the reason, where it does not apply", async () => {
  const algorithm = "winograd";
  const reason =
    'algorithm "winograd" needs, on one of the last two axes, a kernelSize of more than ' +
    "the stride and at most 5 times as much, and stride 1 or dilation 1 (of dilations with stride 1, " +
    "not more than 64); but kernelSize is ";
  assertThrows(
    () => new Conv2d(8, 8, 7, { algorithm }),
    RangeError,
    `Conv2d: ${reason}[7, 7], stride [1, 1] and dilation [1, 1]`,
  );
  assertThrows(
    () => new Conv2d(8, 8, 3, { algorithm, stride: 3, dilation: [1, 2] }),
    RangeError,
    `Conv2d: ${reason}[3, 3], stride [3, 3] and dilation [1, 2]`,
  );
  assertThrows(() => new Conv3d(8, 8, [3, 1, 1], { algorithm }), RangeError, "a kernelSize of");
  assertThrows(
    () => new ConvTranspose2d(8, 8, 2, { algorithm, stride: 2 }),
    RangeError,
    'ConvTranspose2d: algorithm "winograd" needs, on one of the last two axes, a kernelSize of more ' +
      "than the stride and at most 5 times as much, and dilation 1; on the other, one not below the " +
      "stride; before them 1 of both; but kernelSize is [2, 2], stride [2, 2] and dilation [1, 1]",
  );
  let message = "";
  await conv(Tensor.ones([1, 4]), Tensor.ones([1, 1, 1]), null, { algorithm })
    .catch((error: Error) => message = error.message);
  assertEquals(message, `conv: ${reason}[1], stride [1] and dilation [1]`);
});

Deno.test("allowsWinograd() wants one of the last two axes of a convolution to be transformable", () => {
  const sizes = { transposed: false, kernel: [7, 3, 3], stride: [2, 1, 1], dilation: [99, 1, 1] };
  const allows = (changes: Partial<typeof sizes>) => allowsWinograd({ ...sizes, ...changes });
  assert(allows({}));
  assert(!allows({ kernel: [3, 1, 1] }));
  assert(allows({ kernel: [1, 7, 2] }));
  assert(!allows({ kernel: [1, 7, 6] }));
  assert(allows({ stride: [1, 3, 2] }));
  assert(!allows({ stride: [1, 3, 4] }));
  assert(allows({ dilation: [1, 8, 8] }));
  assert(allows({ dilation: [1, 99, 8] }), "The height may be taken tap by tap");
  assert(!allows({ dilation: [1, 99, 99] }));
  assert(!allows({ stride: [1, 2, 2], dilation: [1, 2, 2] }));
  assert(allowsWinograd({ transposed: false, kernel: [3], stride: [2], dilation: [1] }));
});

Deno.test("allowsWinograd() wants taps for every stride phase of a transposed convolution", () => {
  const sizes = { transposed: true, kernel: [4, 4], stride: [2, 2], dilation: [1, 1] };
  const allows = (changes: Partial<typeof sizes>) => allowsWinograd({ ...sizes, ...changes });
  assert(allows({}));
  assert(!allows({ kernel: [1, 4] }));
  assert(allows({ kernel: [11, 4] }));
  assert(!allows({ kernel: [11, 2] }));
  assert(allows({ kernel: [2, 3] }));
  assert(allows({ dilation: [2, 1] }));
  assert(!allows({ dilation: [2, 2] }));
  const deep = { transposed: true, kernel: [1, 4, 4], stride: [1, 2, 2], dilation: [1, 1, 1] };
  assert(allowsWinograd(deep));
  assert(!allowsWinograd({ ...deep, kernel: [2, 4, 4] }));
  assert(!allowsWinograd({ ...deep, stride: [2, 2, 2] }));
});

Deno.test("cheapestWay() does not depend on anything but the sizes and the target", () => {
  const geometry = geometryOf(
    caseOf({ rank: 2, spatial: [56, 56], inChannels: 64, outChannels: 64 }),
  );
  for (const target of TARGETS) {
    assertEquals(cheapestWay(geometry, target), cheapestWay(structuredClone(geometry), target));
    assertEquals(planOf(geometry, true, target, NO_EPILOGUE, "winograd").family, "winograd");
    assertEquals(planOf(geometry, true, target, NO_EPILOGUE, "auto").family, "winograd");
  }
});

Deno.test("tiling() takes two phases only where several output planes see a transformed plane", () => {
  const options = { padding: 1 };
  for (const channels of [8, 32, 64, 128, 256]) {
    for (const size of [7, 14, 28, 56]) {
      const sizes = { inChannels: channels, outChannels: channels, options };
      const flat = geometryOf(caseOf({ ...sizes, rank: 2, spatial: [size, size] }));
      const deep = geometryOf(caseOf({ ...sizes, rank: 3, spatial: [4, size, size] }));
      for (const target of TARGETS) {
        const phasesOf = (g: Geometry) =>
          cheapestWay(g, target)?.planes.map((plane) => tiling(g, plane, target).phases) ?? [];
        for (const phases of phasesOf(flat)) assert(phases !== 2, `${channels} @${size}`);
        for (const phases of phasesOf(deep)) assert(phases !== 1, `${channels} @4x${size}`);
        if (channels <= 32) assertEquals(phasesOf(deep), [2]);
      }
    }
  }
});
