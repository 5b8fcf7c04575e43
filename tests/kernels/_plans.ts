import type { Target } from "../../src/codegen/target.ts";
import type { Epilogue } from "../../src/convolution/epilogue.ts";
import { planFor } from "../../src/kernels/choose.ts";
import type { Plan, Problem } from "../../src/kernels/plan.ts";
import { planPointwise } from "../../src/kernels/matrix/plan.ts";
import { allowsWinograd } from "../../src/kernels/winograd/applies.ts";
import { cheapestWay } from "../../src/kernels/winograd/choice.ts";
import { planWinograd } from "../../src/kernels/winograd/plan.ts";
import type { WinogradChoice } from "../../src/kernels/winograd/shape.ts";
import { tiling } from "../../src/kernels/winograd/tiling.ts";
import { geometryOf, type LayerCase } from "../_arbitrary.ts";
import { caseOf } from "./_cases.ts";

/** What each part of the families does, and sums that are long enough to be taken in parts. */
export const CHOSEN_CASES: Readonly<Record<string, LayerCase>> = {
  "two chunks of Winograd's sums": caseOf({
    rank: 2,
    inChannels: 130,
    outChannels: 5,
    spatial: [6, 7],
    options: { padding: 1 },
  }),
  "three chunks of Winograd's sums": caseOf({
    rank: 2,
    inChannels: 260,
    outChannels: 9,
    spatial: [4, 5],
    options: { padding: 1 },
  }),
  "chunks of one-dimensional sums": caseOf({
    batch: 2,
    inChannels: 300,
    outChannels: 6,
    spatial: [19],
  }),
  "chunks of sums over the terms of a stride": caseOf({
    rank: 2,
    inChannels: 40,
    outChannels: 4,
    spatial: [9, 8],
    options: { stride: 2, padding: 1 },
  }),
  "chunks of sums over taps of depth": caseOf({
    rank: 3,
    inChannels: 50,
    outChannels: 3,
    spatial: [2, 5, 4],
    options: { padding: 1 },
  }),
  "chunks of a dilated convolution's sums": caseOf({
    rank: 2,
    batch: 2,
    inChannels: 131,
    outChannels: 3,
    spatial: [7, 6],
    options: { padding: 2, dilation: 2 },
  }),
  "chunks of a transposed convolution's sums": caseOf({
    transposed: true,
    rank: 2,
    inChannels: 129,
    outChannels: 4,
    spatial: [4, 3],
    kernelSize: 4,
    options: { stride: 2, padding: 1 },
  }),
  "chunks of the sums of groups": caseOf({
    rank: 2,
    inChannels: 258,
    outChannels: 6,
    spatial: [5, 5],
    options: { groups: 2 },
  }),
  "sums over more channels than a cache holds": caseOf({
    rank: 2,
    inChannels: 83,
    outChannels: 6,
    spatial: [9, 8],
    kernelSize: [3, 5],
    options: { dilation: [2, 1] },
  }),
  "a long signal": caseOf({
    inChannels: 33,
    outChannels: 3,
    spatial: [300],
    options: { padding: 1, paddingMode: "circular" },
  }),
  "a matrix": caseOf({ rank: 2, inChannels: 140, outChannels: 9, spatial: [5, 9], kernelSize: 1 }),
  "a matrix of windows": caseOf({
    rank: 2,
    inChannels: 3,
    outChannels: 12,
    spatial: [12, 12],
    kernelSize: 4,
    options: { stride: 4 },
  }),
  "a few channels and large taps": caseOf({
    rank: 2,
    inChannels: 3,
    outChannels: 8,
    spatial: [20, 20],
    kernelSize: 7,
    options: { stride: 2, padding: 3 },
  }),
  "a single position": caseOf({
    rank: 2,
    inChannels: 20,
    outChannels: 18,
    spatial: [3, 3],
  }),
  "single positions that see padding": caseOf({
    rank: 2,
    batch: 5,
    inChannels: 6,
    outChannels: 18,
    spatial: [2, 3],
    options: { padding: 1, stride: 9, groups: 2 },
  }),
  "outputs of a single position": caseOf({
    transposed: true,
    rank: 2,
    batch: 3,
    inChannels: 20,
    outChannels: 9,
    spatial: [1, 1],
    kernelSize: 4,
  }),
  "channels by themselves": caseOf({
    rank: 2,
    inChannels: 20,
    outChannels: 20,
    spatial: [12, 11],
    options: { groups: 20, padding: 1 },
  }),
  "channels by themselves, packed": caseOf({
    rank: 2,
    inChannels: 17,
    outChannels: 34,
    spatial: [9, 10],
    kernelSize: 5,
    options: { groups: 17, padding: 2, paddingMode: "reflect", stride: 2 },
  }),
  "small groups": caseOf({
    rank: 2,
    inChannels: 24,
    outChannels: 24,
    spatial: [8, 9],
    options: { groups: 6, padding: 1 },
  }),
  "stride phases": caseOf({
    transposed: true,
    rank: 2,
    inChannels: 18,
    outChannels: 7,
    spatial: [6, 7],
    kernelSize: 5,
    options: { stride: 2, padding: 2, outputPadding: 1 },
  }),
  "stride phases over many channels": caseOf({
    transposed: true,
    inChannels: 150,
    outChannels: 8,
    spatial: [15],
    kernelSize: 6,
    options: { stride: 3, padding: 1 },
  }),
  "taps that see mostly padding": caseOf({
    rank: 2,
    inChannels: 9,
    outChannels: 17,
    spatial: [10, 10],
    options: { padding: 8, dilation: 8 },
  }),
};

/** The plan that is thought best without Winograd's algorithm, one as a product of matrices, and with it. */
export function plansOf(layerCase: LayerCase, target: Target, epilogue: Epilogue): Plan[] {
  const geometry = geometryOf(layerCase);
  const form = { pass: "forward", geometry, hasBias: layerCase.bias, epilogue, target } as const;
  return [
    planFor({ ...form, algorithm: "direct" }),
    ...matrixPlans({ ...form, algorithm: "direct" }),
    ...allowsWinograd(geometry) ? winogradPlans({ ...form, algorithm: "winograd" }) : [],
  ];
}

/** A plan as a product of matrices, whether it would be chosen or not. */
function matrixPlans(request: Problem): Plan[] {
  const { transposed, paddingMode, groups, inChannels } = request.geometry;
  if (transposed || paddingMode !== "zeros" || groups === inChannels) return [];
  return [{ ...planPointwise(request), id: "matrix", biasCopies: 1 }];
}

/** Plans by Winograd's algorithm in all numbers of phases that are chosen for such a convolution. */
function winogradPlans(request: Problem): Plan[] {
  const { geometry: g, target } = request;
  const way = cheapestWay(g, target);
  if (way === null) return [];
  const choices = way.planes.map((plane) => tiling(g, plane, target));
  const canBeFused = g.kernel[0] === 1 && g.stride[0] === 1;
  const numbers = canBeFused ? [1, 3] as const : [2, 3] as const;
  return numbers.map((phases) => {
    const cut = choices.map((choice) => cutInto(phases, choice));
    return { ...planWinograd(request, cut), id: `${phases} phases`, biasCopies: 1 };
  });
}

/** The same with small engine tiles in so many phases. */
function cutInto(phases: WinogradChoice["phases"], choice: WinogradChoice): WinogradChoice {
  const outChannels = Math.min(choice.outChannels, choice.tile.panel);
  return phases === 3
    ? { ...choice, phases, outChannels, positions: 2 }
    : { ...choice, phases, outChannels, blockParts: 1 };
}
