import * as fc from "fast-check";
import type { Geometry } from "../src/convolution/geometry.ts";
import {
  geometryOf as geometryOfSettings,
  multiplyAdds,
  weightShape,
} from "../src/convolution/geometry.ts";
import type { Padding, Size, SizeOptions } from "../src/convolution/settings.ts";
import { resolveSettings } from "../src/convolution/settings.ts";
import { Tensor } from "../src/tensor/tensor.ts";

export { relativeError } from "../src/convolution/formula.ts";

/** A valid configuration of one of the six layers and an input for it, as a user would write them. */
export interface LayerCase {
  readonly transposed: boolean;
  readonly rank: 1 | 2 | 3;
  /** The number of images, or `null` for an unbatched input. */
  readonly batch: number | null;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly spatial: readonly number[];
  readonly kernelSize: Size;
  readonly bias: boolean;
  readonly options: SizeOptions;
  /** Only for transposed layers, and then not always. */
  readonly outputSize?: readonly number[];
  /** For the values of input, weight and bias. */
  readonly seed: number;
}

/** The arrays that a case is computed on. */
export interface CaseOperands {
  readonly input: Float32Array;
  readonly weight: Float32Array;
  readonly bias: Float32Array | null;
}

/** More work than this in one case only takes time: the edges are all at small sizes. */
const MOST_MULTIPLY_ADDS = 400_000;

/** Every valid configuration of every layer at small sizes, with the channel counts that blocks split badly. */
export function layerCases(): fc.Arbitrary<LayerCase> {
  return fc.record({
    transposed: fc.boolean(),
    rank: fc.constantFrom<(1 | 2 | 3)[]>(1, 2, 3),
    batch: fc.constantFrom(null, 0, 1, 1, 2, 3),
    channels: channels(),
    axes: fc.tuple(axis(), axis(), axis()),
    uniform: fc.record({
      kernelSize: fc.boolean(),
      stride: fc.boolean(),
      dilation: fc.boolean(),
      outputPadding: fc.boolean(),
    }),
    paddingKind: fc.constantFrom<PaddingKind[]>("same", "valid", "number", "axes", "pairs", "mix"),
    paddingMode: fc.constantFrom("zeros", "zeros", "reflect", "replicate", "circular"),
    outputKind: fc.constantFrom<OutputKind[]>("default", "outputPadding", "outputSize"),
    bias: fc.boolean(),
    seed: fc.nat(),
  }).map(repair).filter((layerCase) => multiplyAdds(geometryOf(layerCase)) <= MOST_MULTIPLY_ADDS);
}

/** The geometry of a case; an unbatched input is a batch of one. */
export function geometryOf(layerCase: LayerCase): Geometry {
  const { transposed, rank, options, batch, spatial, outputSize } = layerCase;
  const name = `${transposed ? "ConvTranspose" : "Conv"}${rank}d`;
  const settings = resolveSettings({ ...layerCase, name }, options, Object.keys(options));
  return geometryOfSettings(settings, batch ?? 1, spatial, outputSize);
}

/** The shape of a case's input, without a batch if it is unbatched. */
export function inputShapeOf({ batch, inChannels, spatial }: LayerCase): readonly number[] {
  return [...(batch === null ? [] : [batch]), inChannels, ...spatial];
}

/** Random arrays for a case, always the same for the same case. */
export function operandsOf(layerCase: LayerCase): CaseOperands {
  const { seed, bias, outChannels, rank } = layerCase;
  const geometry = geometryOf(layerCase);
  const weight = weightShape({ ...geometry, kernel: geometry.kernel.slice(3 - rank) });
  return {
    input: Tensor.randn(inputShapeOf(layerCase), { seed }).data,
    weight: Tensor.randn(weight, { seed: seed + 1 }).data,
    bias: bias ? Tensor.randn([outChannels], { seed: seed + 2 }).data : null,
  };
}

type PaddingKind = "same" | "valid" | "number" | "axes" | "pairs" | "mix";
type OutputKind = "default" | "outputPadding" | "outputSize";

interface AxisDraft {
  readonly input: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly begin: number;
  readonly end: number;
  readonly extension: number;
}

interface ChannelsDraft {
  readonly groups: number;
  readonly inPerGroup: number;
  readonly outPerGroup: number;
}

interface Draft {
  readonly transposed: boolean;
  readonly rank: 1 | 2 | 3;
  readonly batch: number | null;
  readonly channels: ChannelsDraft;
  readonly axes: readonly AxisDraft[];
  readonly uniform: Readonly<
    Record<"kernelSize" | "stride" | "dilation" | "outputPadding", boolean>
  >;
  readonly paddingKind: PaddingKind;
  readonly paddingMode: "zeros" | "reflect" | "replicate" | "circular";
  readonly outputKind: OutputKind;
  readonly bias: boolean;
  readonly seed: number;
}

function channels(): fc.Arbitrary<ChannelsDraft> {
  const several = fc.record({
    groups: fc.constantFrom(1, 1, 1, 2, 3, 4),
    inPerGroup: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(16, 17, 33)),
    outPerGroup: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(15, 16, 17, 32, 33)),
  });
  const depthwise = fc.record({
    groups: fc.constantFrom(1, 2, 3, 4, 5, 8, 16, 17, 33),
    inPerGroup: fc.constantFrom(1, 1, 2, 3),
    outPerGroup: fc.constantFrom(1, 1, 2, 3),
  });
  return fc.oneof(several, depthwise);
}

function axis(): fc.Arbitrary<AxisDraft> {
  return fc.record({
    input: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 34 })),
    kernel: fc.constantFrom(1, 1, 2, 3, 3, 4, 5, 7),
    stride: fc.constantFrom(1, 1, 1, 2, 2, 3, 4),
    dilation: fc.constantFrom(1, 1, 1, 2, 3),
    begin: fc.nat(4),
    end: fc.nat(4),
    extension: fc.nat(3),
  });
}

/** Makes a draft valid by the least changes: larger inputs, less padding, a smaller extension. */
function repair(draft: Draft): LayerCase {
  const { transposed, rank, batch, channels, uniform, paddingKind, outputKind, bias, seed } = draft;
  const paddingMode = transposed ? "zeros" : draft.paddingMode;
  const first = draft.axes[0];
  if (first === undefined) throw new Error("A draft has three axes");
  const axes = draft.axes.slice(0, rank).map((axis) =>
    repairAxis(
      {
        ...axis,
        kernel: uniform.kernelSize ? first.kernel : axis.kernel,
        stride: uniform.stride ? first.stride : axis.stride,
        dilation: uniform.dilation ? first.dilation : axis.dilation,
        begin: paddingKind === "number" ? first.begin : axis.begin,
        extension: uniform.outputPadding ? first.extension : axis.extension,
      },
      paddingKind,
      paddingMode,
      transposed,
    )
  );
  const size = (one: boolean, of: (axis: AxisDraft) => number): Size =>
    one ? Math.min(...axes.map(of)) : axes.map(of);
  const extended = transposed && outputKind === "outputPadding";
  const layerCase = {
    transposed,
    rank,
    batch,
    inChannels: channels.groups * channels.inPerGroup,
    outChannels: channels.groups * channels.outPerGroup,
    spatial: axes.map((axis) => axis.input),
    kernelSize: size(uniform.kernelSize, (axis) => axis.kernel),
    bias,
    options: {
      stride: size(uniform.stride, (axis) => axis.stride),
      dilation: size(uniform.dilation, (axis) => axis.dilation),
      groups: channels.groups,
      padding: paddingOf(paddingKind, axes),
      ...(transposed ? {} : { paddingMode }),
      ...(extended ? { outputPadding: size(uniform.outputPadding, (axis) => axis.extension) } : {}),
    },
    seed,
  };
  if (!transposed || outputKind !== "outputSize") return layerCase;
  const { output } = geometryOf(layerCase);
  return {
    ...layerCase,
    outputSize: output.slice(3 - rank).map((size, axis) => size + (axes[axis]?.extension ?? 0)),
  };
}

function repairAxis(
  axis: AxisDraft,
  paddingKind: PaddingKind,
  paddingMode: string,
  transposed: boolean,
): AxisDraft {
  const extent = axis.dilation * (axis.kernel - 1) + 1;
  const extension = Math.min(axis.extension, Math.max(axis.stride, axis.dilation) - 1);
  const none = paddingKind === "valid" || paddingKind === "same";
  const begin = none ? 0 : axis.begin;
  const end = none ? 0 : paddingKind === "number" || paddingKind === "axes" ? begin : axis.end;
  const padding = paddingKind === "same" ? extent - 1 : Math.max(begin, end);
  let input = axis.input;
  if (transposed) {
    while ((input - 1) * axis.stride + extent - begin - end < 1) input++;
  } else {
    if (paddingKind !== "same") input = Math.max(input, extent - begin - end);
    if (paddingMode === "reflect") input = Math.max(input, padding + 1);
    if (paddingMode === "circular") input = Math.max(input, padding);
  }
  return { ...axis, input, begin, end, extension };
}

function paddingOf(kind: PaddingKind, axes: readonly AxisDraft[]): Padding {
  switch (kind) {
    case "same":
    case "valid":
      return kind;
    case "number":
      return axes[0]?.begin ?? 0;
    case "axes":
      return axes.map((axis) => axis.begin);
    case "pairs":
      return axes.map((axis) => [axis.begin, axis.end] as const);
    case "mix":
      return axes.map((axis) =>
        axis.begin === axis.end ? axis.begin : [axis.begin, axis.end] as const
      );
  }
}
