import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { conv, Conv1d, Conv2d, Conv3d, Engine, Tensor } from "../../mod.ts";
import { AVX2_TARGET, AVX512_TARGET, type Target, WASM_TARGET } from "../../src/codegen/target.ts";
import type { Geometry, PaddingMode } from "../../src/geometry.ts";
import { type Epilogue, NO_EPILOGUE } from "../../src/kernels/epilogue.ts";
import { type Plan, planFor, type PlanRequest } from "../../src/kernels/plan.ts";
import { reference, referenceMagnitude } from "../../src/kernels/reference.ts";
import {
  axisTransform,
  chooseWinograd,
  type WinogradChoice,
  winogradObstacle,
} from "../../src/kernels/winograd_choice.ts";
import { planWinograd } from "../../src/kernels/winograd_plan.ts";
import { productTile } from "../../src/kernels/winograd_product.ts";
import { type AxisTransform, F2_3, F4_3 } from "../../src/kernels/winograd_transform.ts";
import type { CaseOperands, LayerCase } from "../_arbitrary.ts";
import { geometryOf, operandsOf, relativeError } from "../_arbitrary.ts";
import { ADDEND, behindOutput, outputOf, planOf, runPlan } from "../_interpret_plan.ts";
import { liveRegisters } from "../_live_registers.ts";
import { caseOf } from "./_cases.ts";

/** What the documentation of `Algorithm` says, with room for other data. */
const BOUND = 5e-6;

const TARGETS: readonly Target[] = [WASM_TARGET, AVX2_TARGET, AVX512_TARGET];

function requestOf(
  geometry: Geometry,
  hasBias: boolean,
  epilogue = NO_EPILOGUE,
  target = WASM_TARGET,
): PlanRequest {
  return { geometry, hasBias, epilogue, algorithm: "winograd", target };
}

/** How a block is cut, beside the transform. */
type Tiling = Pick<WinogradChoice, "phases"> & {
  readonly target: Target;
  readonly rows: number;
  readonly columns: number;
};

/** Blocks of one vector, of all tiles, and of some rows, in any number of phases. */
const TILINGS: readonly Tiling[] = TARGETS.flatMap((target) => [
  { target, rows: 1, columns: target.lanes, phases: 2 },
  { target, rows: 2, columns: Infinity, phases: 2 },
  { target, rows: Infinity, columns: Infinity, phases: 2 },
  { target, rows: 1, columns: target.lanes, phases: 1 },
  { target, rows: 2, columns: Infinity, phases: 1 },
  { target, rows: 1, columns: target.lanes, phases: 3 },
  { target, rows: 2, columns: Infinity, phases: 3 },
]);

function choiceOf(g: Geometry, transform: AxisTransform, tiling: Tiling): WinogradChoice {
  const { target } = tiling;
  const tiles = (axis: 1 | 2) =>
    Math.ceil(g.output[axis] / axisTransform(g, axis, transform).outputs);
  const blockColumns = Math.min(tiles(2), tiling.columns);
  const whole = blockColumns === tiles(2);
  const canBeFused = g.kernel[0] === 1 && g.stride[0] === 1;
  const all = g.outChannels / g.groups;
  const blockRows = whole ? Math.min(tiles(1), tiling.rows) : 1;
  const tile = productTile(target, all, Math.ceil(blockRows * blockColumns / target.lanes));
  return {
    transform,
    blockColumns,
    blockRows,
    tile,
    outChannels: Math.min(all, tile.panel),
    phases: tiling.phases === 1 && !canBeFused ? 2 : tiling.phases,
    positions: tiling.phases === 3 ? 5 : Infinity,
  };
}

function winogradPlan(
  geometry: Geometry,
  hasBias: boolean,
  { transform, tiling }: { readonly transform: AxisTransform; readonly tiling: Tiling },
  epilogue: Epilogue = NO_EPILOGUE,
): Plan {
  const request = requestOf(geometry, hasBias, epilogue, tiling.target);
  return { ...planWinograd(request, choiceOf(geometry, transform, tiling)), id: "winograd" };
}

/** The output of a plan, every access checked, after a look behind its end. */
function computed(plan: Plan, geometry: Geometry, operands: CaseOperands): Float32Array {
  const memory = runPlan(plan, operands);
  assert(behindOutput(memory, geometry).every(Number.isNaN), "Something was written too far");
  return outputOf(memory, geometry);
}

/** Checks both variants with every tiling against the formula. */
function checkCase(layerCase: LayerCase): void {
  const geometry = geometryOf(layerCase);
  const operands = operandsOf(layerCase);
  const expected = reference(geometry, operands);
  const largest = referenceMagnitude(geometry, operands).reduce((a, b) => Math.max(a, b), 0);
  for (const transform of [F2_3, F4_3]) {
    for (const tiling of TILINGS) {
      const plan = winogradPlan(geometry, layerCase.bias, { transform, tiling });
      const output = computed(plan, geometry, operands);
      const error = output.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - (expected[i] ?? NaN))),
        0,
      );
      assert(
        error <= BOUND * largest,
        `F(${transform.outputs},3) ${JSON.stringify({ ...tiling, ...layerCase })}: ${error}`,
      );
    }
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
  ].map(geometryOf);
  for (const geometry of geometries) {
    for (const transform of [F2_3, F4_3]) {
      for (const tiling of TILINGS) {
        if (tiling.target === WASM_TARGET) continue;
        const plan = winogradPlan(geometry, true, { transform, tiling }, epilogue);
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
    { numRuns: 15 },
  );
});

Deno.test("Winograd's algorithm adds and activates", () => {
  const layerCase = caseOf({ rank: 2, spatial: [7, 21], inChannels: 2, outChannels: 3 });
  const geometry = geometryOf(layerCase);
  const operands = operandsOf(layerCase);
  const expected = reference(geometry, operands).map((sum) => Math.max(0, sum + ADDEND));
  const epilogue = { add: true, activation: "relu", negativeSlope: 0 } as const;
  for (const transform of [F2_3, F4_3]) {
    for (const tiling of TILINGS) {
      const plan = winogradPlan(geometry, layerCase.bias, { transform, tiling }, epilogue);
      assert(relativeError(computed(plan, geometry, operands), expected) <= BOUND);
    }
  }
});

Deno.test("How the tiles are cut does not change a bit of a result of Winograd's algorithm", () => {
  const layerCase = caseOf({ rank: 2, spatial: [13, 25], inChannels: 9, outChannels: 6 });
  const geometry = geometryOf(layerCase);
  const operands = operandsOf(layerCase);
  for (const transform of [F2_3, F4_3]) {
    const [first, ...others] = TILINGS.map((tiling) =>
      computed(winogradPlan(geometry, layerCase.bias, { transform, tiling }), geometry, operands)
    );
    for (const other of others) assertEquals(other, first);
  }
});

Deno.test("The error of Winograd's algorithm is what the documentation says", async () => {
  for (const channels of [8, 64, 512]) {
    const settings = [
      { Layer: Conv1d, spatial: [256] },
      { Layer: Conv2d, spatial: [18, 18] },
    ] as const;
    for (const { Layer, spatial } of settings) {
      const layer = new Layer(channels, 8, 3, { padding: 1, algorithm: "winograd" });
      const weight = Tensor.randn(layer.weight.shape, { seed: channels });
      layer.weight.data.set(weight.data);
      const input = Tensor.randn([1, channels, ...spatial], { seed: channels + 1 });
      const layerCase = caseOf({
        rank: spatial.length,
        spatial,
        inChannels: channels,
        outChannels: 8,
        options: { padding: 1 },
      });
      const expected = reference(geometryOf(layerCase), {
        input: input.data,
        weight: weight.data,
        bias: layer.bias?.data ?? null,
      });
      const { data } = await layer.forward(input);
      assert(relativeError(data, expected) <= 4e-6, `${channels} channels, rank ${spatial.length}`);
    }
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
  assert(relativeError(small.forwardSync(input).data, expected) <= BOUND);
});

Deno.test("An output of Winograd's algorithm depends on no input far from it", () => {
  const layer = new Conv2d(8, 4, 3, { padding: 1, algorithm: "winograd", seed: 1 });
  const input = Tensor.randn([1, 8, 24, 24], { seed: 2 });
  const expected = layer.forwardSync(input).data.slice();
  input.data[12 * 24 + 12] = NaN;
  const { data } = layer.forwardSync(input);
  data.forEach((value, i) => {
    const [row, column] = [Math.floor(i / 24) % 24, i % 24];
    const apart = Math.max(Math.abs(row - 12), Math.abs(column - 12));
    if (apart <= 1) assert(Number.isNaN(value));
    if (apart > 4) assertEquals(value, expected[i]);
  });
});

Deno.test("The algorithm can be forced and forbidden", () => {
  const family = (layer: Conv2d | Conv1d | Conv3d, shape: number[]) => layer.explain(shape).family;
  const large = [1, 32, 28, 28];
  assertEquals(family(new Conv2d(32, 32, 3), large), "winograd");
  assertEquals(family(new Conv2d(32, 32, 3, { algorithm: "direct" }), large), "direct");
  assertEquals(family(new Conv2d(1, 1, 3), [1, 1, 28, 28]), "depthwise");
  assertEquals(
    family(new Conv2d(1, 1, 3, { algorithm: "winograd" }), [1, 1, 28, 28]),
    "winograd",
  );
  assertEquals(family(new Conv2d(32, 32, 3, { stride: 2 }), large), "direct");
  assertEquals(family(new Conv2d(32, 32, 3, { dilation: 2 }), large), "direct");
  assertEquals(family(new Conv2d(32, 32, 5), large), "direct");
  assertEquals(family(new Conv1d(32, 32, 3), [1, 32, 500]), "winograd");
  assertEquals(family(new Conv3d(32, 32, 3), [1, 32, 6, 12, 12]), "winograd");
});

Deno.test("Winograd's algorithm is refused, with the reason, where it does not apply", async () => {
  const algorithm = "winograd";
  assertThrows(
    () => new Conv2d(8, 8, 5, { algorithm }),
    RangeError,
    'Conv2d: algorithm "winograd" needs a kernelSize of 3, or of 1 and 3, on the last two axes, ' +
      "but it is [5, 5]",
  );
  assertThrows(
    () => new Conv2d(8, 8, 3, { algorithm, stride: [1, 2] }),
    RangeError,
    'Conv2d: algorithm "winograd" needs stride 1 on the last two axes, but it is [1, 2]',
  );
  assertThrows(
    () => new Conv1d(8, 8, 3, { algorithm, dilation: 2 }),
    RangeError,
    'Conv1d: algorithm "winograd" needs dilation 1 where the kernel\'s size is 3, but it is [2]',
  );
  assertThrows(() => new Conv3d(8, 8, [3, 1, 1], { algorithm }), RangeError, "needs a kernelSize");
  let message = "";
  await conv(Tensor.ones([1, 4]), Tensor.ones([1, 1, 2]), null, { algorithm })
    .catch((error: Error) => message = error.message);
  assertEquals(
    message,
    'conv: algorithm "winograd" needs a kernelSize of 3, or of 1 and 3, on the last two axes, ' +
      "but it is [2]",
  );
});

Deno.test("winogradObstacle() looks at the last two axes only", () => {
  const sizes = { kernel: [5, 3, 3], stride: [2, 1, 1], dilation: [3, 1, 1] };
  assertEquals(winogradObstacle(sizes), null);
  assertEquals(winogradObstacle({ ...sizes, kernel: [3, 1, 1] }), "kernel");
  assertEquals(winogradObstacle({ kernel: [1, 3], stride: [1, 1], dilation: [4, 1] }), null);
});

Deno.test("chooseWinograd() does not depend on anything but the request", () => {
  const geometry = geometryOf(
    caseOf({ rank: 2, spatial: [56, 56], inChannels: 64, outChannels: 64 }),
  );
  const request = requestOf(geometry, true);
  assertEquals(chooseWinograd(request), chooseWinograd(structuredClone(request)));
  assertEquals(planFor(request).family, "winograd");
  assertEquals(planOf(geometry, true).family, "winograd");
});
