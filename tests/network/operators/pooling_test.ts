import * as fc from "fast-check";
import { type Attributes, drawn, int, intList, text } from "../_models.ts";
import { compareSingles, given, listOf, type Single } from "./_single.ts";

const configurations = fc.integer({ min: 1, max: 3 }).chain((rank) =>
  fc.record({
    opset: fc.constantFrom(7, 8, 10, 11, 12, 19, 22),
    batch: fc.integer({ min: 1, max: 2 }),
    channels: fc.integer({ min: 1, max: 3 }),
    spatial: listOf(rank, 1, 9),
    kernel: listOf(rank, 1, 4),
    stride: listOf(rank, 1, 4),
    dilation: listOf(rank, 1, 2),
    pads: listOf(2 * rank, 0, 3),
    mode: fc.constantFrom("NOTSET", "EXPLICIT", "EXPLICIT", "VALID", "SAME_UPPER", "SAME_LOWER"),
    isRoundedUp: fc.boolean(),
    isPaddingCounted: fc.boolean(),
    seed: fc.nat(),
  })
);

type Drawn = typeof configurations extends fc.Arbitrary<infer Value> ? Value : never;

/** ONNX Runtime wants padding to be smaller than the kernel. */
function paddingOf({ pads, kernel }: Drawn): number[] {
  return pads.map((size, i) => Math.min(size, (kernel[i % kernel.length] ?? 1) - 1));
}

function attributesOf(drawn: Drawn, isDilated: boolean): Attributes {
  const { opset, kernel, stride, dilation, mode, isRoundedUp } = drawn;
  const isCeil = isRoundedUp && opset >= 10 && !mode.startsWith("SAME");
  return {
    kernel_shape: intList(kernel),
    ...(stride.some((step) => step > 1) ? { strides: intList(stride) } : {}),
    ...(isDilated ? { dilations: intList(dilation) } : {}),
    ...(mode === "EXPLICIT" ? { pads: intList(paddingOf(drawn)) } : {}),
    ...(mode === "EXPLICIT" || mode === "NOTSET" ? {} : { auto_pad: text(mode) }),
    ...(isCeil ? { ceil_mode: int(1) } : {}),
  };
}

function fits(drawn: Drawn, isDilated: boolean): boolean {
  const { spatial, kernel, stride, dilation, mode } = drawn;
  // ONNX Runtime computes no negative padding, and no SAME padding of dilated windows.
  if (mode.startsWith("SAME")) {
    return stride.every((step, axis) => step <= (kernel[axis] ?? 1)) &&
      (!isDilated || dilation.every((step) => step === 1));
  }
  const pads = mode === "EXPLICIT" ? paddingOf(drawn) : [];
  return spatial.every((size, axis) => {
    const step = isDilated ? dilation[axis] ?? 1 : 1;
    // What the maximum of padding alone is, nobody says.
    if (step > 1 && size === 1) return false;
    const padded = size + (pads[axis] ?? 0) + (pads[kernel.length + axis] ?? 0);
    return padded >= ((kernel[axis] ?? 1) - 1) * step + 1;
  });
}

function pooling(
  operator: string,
  { opset, batch, channels, spatial, seed }: Drawn,
  attributes: Attributes,
): Single {
  return {
    operator,
    opset,
    attributes,
    inputs: [given(drawn([batch, channels, ...spatial], seed))],
  };
}

Deno.test("MaxPool computes what ONNX Runtime does", async () => {
  const singles = configurations.filter((drawn) => fits(drawn, drawn.opset >= 10))
    .map((drawn) => pooling("MaxPool", drawn, attributesOf(drawn, drawn.opset >= 10)));
  await compareSingles(singles, 150);
});

Deno.test("AveragePool computes what ONNX Runtime does", async () => {
  const singles = configurations.filter((drawn) => fits(drawn, drawn.opset >= 19))
    .map((drawn) =>
      pooling("AveragePool", drawn, {
        ...attributesOf(drawn, drawn.opset >= 19),
        ...(drawn.isPaddingCounted ? { count_include_pad: int(1) } : {}),
      })
    );
  await compareSingles(singles, 150);
});

Deno.test("GlobalAveragePool and GlobalMaxPool compute what ONNX Runtime does", async () => {
  const singles = fc.tuple(configurations, fc.constantFrom("GlobalAveragePool", "GlobalMaxPool"))
    .map(([drawn, operator]) => pooling(operator, drawn, {}));
  await compareSingles(singles, 30);
});
