import { assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import type { Geometry } from "../../src/convolution/geometry.ts";
import {
  geometryOf,
  multiplyAdds,
  outputShape,
  weightShape,
} from "../../src/convolution/geometry.ts";
import type { ConvSettings, Size, SizeOptions } from "../../src/convolution/settings.ts";
import { resolveSettings } from "../../src/convolution/settings.ts";
import { geometryOf as geometryOfCase, layerCases } from "../_arbitrary.ts";
import { draws } from "../_depth.ts";

function settings(
  transposed: boolean,
  rank: 1 | 2 | 3,
  kernelSize: Size,
  options: SizeOptions = {},
): ConvSettings {
  const name = `${transposed ? "ConvTranspose" : "Conv"}${rank}d`;
  const subject = { name, transposed, rank, inChannels: 4, outChannels: 6, kernelSize };
  return resolveSettings(subject, options, Object.keys(options));
}

function conv1d(input: number, kernel: number, options: SizeOptions = {}): Geometry {
  return geometryOf(settings(false, 1, kernel, options), 1, [input]);
}

function convTranspose1d(
  input: number,
  kernel: number,
  options: SizeOptions = {},
  outputSize?: number,
): Geometry {
  const target = outputSize === undefined ? undefined : [outputSize];
  return geometryOf(settings(true, 1, kernel, options), 1, [input], target);
}

Deno.test("geometryOf() puts leading units before fewer than three axes", () => {
  const two = geometryOf(
    settings(false, 2, [3, 5], { stride: [2, 1], padding: [4, 2], dilation: [3, 1], groups: 2 }),
    20,
    [50, 100],
  );
  assertEquals(two, {
    transposed: false,
    rank: 2,
    batch: 20,
    groups: 2,
    inChannels: 4,
    outChannels: 6,
    input: [1, 50, 100],
    output: [1, 26, 100],
    kernel: [1, 3, 5],
    stride: [1, 2, 1],
    dilation: [1, 3, 1],
    padBegin: [0, 4, 2],
    padEnd: [0, 4, 2],
    paddingMode: "zeros",
  });
  assertEquals(conv1d(50, 3, { stride: 2 }).output, [1, 1, 24]);
  assertEquals(outputShape(two), [20, 6, 26, 100]);
});

Deno.test("geometryOf() follows the formula on every axis", () => {
  const sizes = fc.record({
    input: fc.integer({ min: 1, max: 40 }),
    kernel: fc.integer({ min: 1, max: 7 }),
    stride: fc.integer({ min: 1, max: 5 }),
    dilation: fc.integer({ min: 1, max: 4 }),
    begin: fc.nat(6),
    end: fc.nat(6),
  });
  fc.assert(
    fc.property(sizes, ({ input, kernel, stride, dilation, begin, end }) => {
      const options: SizeOptions = { stride, dilation, padding: [[begin, end]] };
      const output = Math.floor((input + begin + end - dilation * (kernel - 1) - 1) / stride) + 1;
      if (output < 1) {
        assertThrows(() => conv1d(input, kernel, options), RangeError, "the kernel spans");
      } else {
        assertEquals(conv1d(input, kernel, options).output[2], output);
      }
      const full = (input - 1) * stride - begin - end + dilation * (kernel - 1) + 1;
      if (full < 1) {
        assertThrows(() => convTranspose1d(input, kernel, options), RangeError, "cuts all");
      } else {
        assertEquals(convTranspose1d(input, kernel, options).output[2], full);
      }
    }),
    { seed: 42, numRuns: draws(500) },
  );
});

Deno.test('geometryOf() makes ceil(in / stride) of "same", the odd padding at the end', () => {
  const pads = ({ output, padBegin, padEnd }: Geometry) => [output[2], padBegin[2], padEnd[2]];
  assertEquals(pads(conv1d(10, 3, { padding: "same" })), [10, 1, 1]);
  assertEquals(pads(conv1d(10, 4, { padding: "same" })), [10, 1, 2]);
  assertEquals(pads(conv1d(10, 3, { padding: "same", dilation: 2 })), [10, 2, 2]);
  assertEquals(pads(conv1d(10, 3, { padding: "same", stride: 3 })), [4, 1, 1]);
  assertEquals(pads(conv1d(11, 3, { padding: "same", stride: 3 })), [4, 0, 1]);
  assertEquals(pads(conv1d(12, 3, { padding: "same", stride: 3 })), [4, 0, 0]);
  assertEquals(pads(conv1d(10, 1, { padding: "same", stride: 4 })), [3, 0, 0]);
});

Deno.test('geometryOf() makes in * stride of a transposed "same"', () => {
  const pads = ({ output, padBegin, padEnd }: Geometry) => [output[2], padBegin[2], padEnd[2]];
  assertEquals(pads(convTranspose1d(5, 3, { padding: "same" })), [5, 1, 1]);
  assertEquals(pads(convTranspose1d(5, 4, { padding: "same" })), [5, 1, 2]);
  assertEquals(pads(convTranspose1d(5, 3, { padding: "same", stride: 2 })), [10, 0, 1]);
  assertEquals(pads(convTranspose1d(5, 1, { padding: "same", stride: 3 })), [15, 0, 0]);
  assertEquals(
    convTranspose1d(5, 3, { padding: "same", stride: 2, outputPadding: 1 }).output[2],
    10,
  );
});

Deno.test('geometryOf() undoes with a transposed convolution the sizes of a convolution with "same"', () => {
  const sizes = fc.record({
    input: fc.integer({ min: 1, max: 40 }),
    kernel: fc.integer({ min: 1, max: 7 }),
    stride: fc.integer({ min: 1, max: 5 }),
    dilation: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(sizes, ({ input, kernel, stride, dilation }) => {
      const options: SizeOptions = { padding: "same", stride, dilation };
      const down = conv1d(input, kernel, options);
      const up = convTranspose1d(down.output[2], kernel, options, input);
      assertEquals([up.output, up.padBegin, up.padEnd], [down.input, down.padBegin, down.padEnd]);
    }),
    { seed: 42, numRuns: draws(300) },
  );
});

/** Transposed axes with "same", with what widens or fixes their outputs. */
const SAME_AXES = fc.record({
  input: fc.integer({ min: 1, max: 12 }),
  kernel: fc.integer({ min: 1, max: 7 }),
  stride: fc.integer({ min: 1, max: 5 }),
  dilation: fc.integer({ min: 1, max: 4 }),
  extension: fc.nat(4),
});

Deno.test('geometryOf() cuts off what a transposed "same" leaves over, an output padding included', () => {
  fc.assert(
    fc.property(SAME_AXES, ({ input, kernel, stride, dilation, extension }) => {
      const outputPadding = extension % Math.max(stride, dilation);
      const options: SizeOptions = { stride, dilation, outputPadding };
      const { output, padBegin, padEnd } = convTranspose1d(input, kernel, {
        ...options,
        padding: "same",
      });
      assertEquals(output[2], input * stride);
      const full = convTranspose1d(input, kernel, options).output[2];
      const total = Math.max(0, full - input * stride);
      assertEquals([padBegin[2], padEnd[2]], [Math.floor(total / 2), Math.ceil(total / 2)]);
      if (full < input * stride) return;
      const padding = [[padBegin[2], padEnd[2]] as const];
      const explicit = convTranspose1d(input, kernel, { ...options, padding });
      assertEquals(explicit.output, output);
    }),
    { seed: 44, numRuns: draws(500) },
  );
});

Deno.test('geometryOf() takes with a transposed "same" whatever a convolution makes the input of, and nothing else', () => {
  fc.assert(
    fc.property(SAME_AXES, ({ input, kernel, stride, dilation, extension }) => {
      const most = Math.max(stride, dilation) - 1;
      const options: SizeOptions = { padding: "same", stride, dilation };
      const withPadding = { ...options, outputPadding: extension % (most + 1) };
      const least = (input - 1) * stride + 1;
      const full = (input - 1) * stride + dilation * (kernel - 1) + 1;
      for (let size = least; size <= input * stride + most; size++) {
        const geometry = convTranspose1d(input, kernel, options, size);
        const total = Math.max(0, full - size);
        assertEquals(geometry.output[2], size);
        assertEquals([geometry.padBegin[2], geometry.padEnd[2]], [
          Math.floor(total / 2),
          Math.ceil(total / 2),
        ]);
        // It takes the place of an output padding.
        assertEquals(convTranspose1d(input, kernel, withPadding, size), geometry);
      }
      for (const size of [least - 1, input * stride + most + 1]) {
        assertThrows(
          () => convTranspose1d(input, kernel, options, size),
          RangeError,
          `outputSize must be from ${least} to ${input * stride + most}`,
        );
      }
    }),
    { seed: 45, numRuns: draws(200) },
  );
});

Deno.test("geometryOf() takes an outputSize within outputPadding's range", () => {
  for (const [stride, dilation] of [[3, 1], [1, 3], [2, 2], [1, 1]]) {
    const options: SizeOptions = { stride: stride ?? 1, dilation: dilation ?? 1, padding: 1 };
    const least = convTranspose1d(6, 3, options).output[2];
    const most = least + Math.max(stride ?? 1, dilation ?? 1) - 1;
    for (let size = least; size <= most; size++) {
      const geometry = convTranspose1d(6, 3, options, size);
      assertEquals(geometry.output[2], size);
      assertEquals(geometry.padBegin[2], 1);
      const outputPadding = size - least;
      assertEquals(geometry, convTranspose1d(6, 3, { ...options, outputPadding }));
    }
    for (const size of [least - 1, most + 1]) {
      assertThrows(
        () => convTranspose1d(6, 3, options, size),
        RangeError,
        `ConvTranspose1d: outputSize must be from ${least} to ${most} on spatial axis 0, ` +
          `but is ${size}`,
      );
    }
  }
});

Deno.test("geometryOf() takes outputSize in place of outputPadding", () => {
  const options: SizeOptions = { stride: 3, outputPadding: 2 };
  assertEquals(convTranspose1d(4, 3, options).output[2], 14);
  assertEquals(convTranspose1d(4, 3, options, 12).output[2], 12);
});

Deno.test("geometryOf() limits reflecting and circular padding by the input", () => {
  assertEquals(conv1d(4, 3, { padding: 3, paddingMode: "reflect" }).output[2], 8);
  assertEquals(conv1d(4, 3, { padding: 4, paddingMode: "circular" }).output[2], 10);
  assertEquals(conv1d(4, 3, { padding: 9, paddingMode: "replicate" }).output[2], 20);
  assertThrows(
    () => conv1d(4, 3, { padding: [[0, 4]], paddingMode: "reflect" }),
    RangeError,
    'Conv1d: paddingMode "reflect" can pad an axis of size 4 by at most 3, but padding is [0, 4] ' +
      "on spatial axis 0",
  );
  assertThrows(
    () => conv1d(4, 3, { padding: 5, paddingMode: "circular" }),
    RangeError,
    "by at most 4",
  );
  assertThrows(
    () => conv1d(2, 7, { padding: "same", paddingMode: "reflect" }),
    RangeError,
    "by at most 1",
  );
});

Deno.test("geometryOf() says when the kernel does not fit", () => {
  assertThrows(
    () => conv1d(4, 3, { dilation: 3, padding: 1 }),
    RangeError,
    "Conv1d: the output would have size 0 on spatial axis 0: the kernel spans 7 but the padded " +
      "input only 6",
  );
  assertThrows(
    () => convTranspose1d(2, 2, { padding: 2 }),
    RangeError,
    "ConvTranspose1d: the output would have size -1 on spatial axis 0: a padding of 2 + 2 cuts all",
  );
});

Deno.test("geometryOf() lets only the batch be empty", () => {
  const geometry = geometryOf(settings(false, 2, 3), 0, [8, 8]);
  assertEquals(outputShape(geometry), [0, 6, 6, 6]);
  assertEquals(multiplyAdds(geometry), 0);
  assertThrows(
    () => geometryOf(settings(false, 2, 3, { padding: 3 }), 1, [8, 0]),
    RangeError,
    "Conv2d: input has size 0 on spatial axis 1 (spatial sizes [8, 0]); only the batch may be empty",
  );
});

Deno.test("geometryOf() refuses arrays that are too large and names the bytes", () => {
  assertThrows(
    () => geometryOf(settings(true, 3, 1, { stride: 1000 }), 1, [5, 5, 5]),
    RangeError,
    "ConvTranspose3d: the output of shape [1, 6, 4001, 4001, 4001] would take 1.40 TiB, more than " +
      "the 16.0 GiB one array can hold",
  );
  assertThrows(
    () => geometryOf(settings(false, 2, 3, { padding: 2 ** 20, stride: 2 ** 20 }), 1, [8, 8]),
    RangeError,
    "Conv2d: the padded input",
  );
  for (const pair of [[0, 2 ** 40], [2 ** 40, 0]] as const) {
    assertThrows(
      () => conv1d(8, 3, { padding: [pair], stride: 2 ** 40 }),
      RangeError,
      "Conv1d: the padded input",
    );
  }
  for (const padding of [2 ** 52, Number.MAX_SAFE_INTEGER]) {
    assertThrows(() => conv1d(8, 3, { padding }), RangeError);
    assertThrows(() => convTranspose1d(2, 3, { stride: padding }), RangeError);
    assertThrows(() => conv1d(8, 3, { dilation: padding }), RangeError);
  }
});

Deno.test("Sizes that numbers do not hold exactly are refused, not rounded", () => {
  const most = Number.MAX_SAFE_INTEGER;
  assertThrows(
    () => geometryOf(settings(false, 1, 3, { padding: most, dilation: most - 1 }), 0, [10]),
    RangeError,
    `Conv1d: the kernel would span more than ${most} positions on spatial axis 0, and sizes go up to that`,
  );
  assertThrows(
    () => geometryOf(settings(false, 1, 2, { padding: most, dilation: most - 1 }), 0, [10]),
    RangeError,
    "Conv1d: the padded input would span",
  );
  assertThrows(
    () => convTranspose1d(3, 2, { stride: 2 ** 52, padding: 2 ** 52, dilation: 2 ** 52 }),
    RangeError,
    "ConvTranspose1d: the full result would span",
  );
  assertEquals(conv1d(10, 1, { stride: most, dilation: most }).output, [1, 1, 1]);
});

Deno.test("weightShape() is that of torch.nn", () => {
  assertEquals(weightShape(settings(false, 2, [3, 5], { groups: 2 })), [6, 2, 3, 5]);
  assertEquals(weightShape(settings(true, 2, [3, 5], { groups: 2 })), [4, 3, 3, 5]);
});

Deno.test("multiplyAdds() counts the formula's products", () => {
  const down = geometryOf(settings(false, 2, 3, { padding: 1, groups: 2 }), 3, [8, 8]);
  assertEquals(multiplyAdds(down), 3 * 6 * 64 * 2 * 9);
  const up = geometryOf(settings(true, 2, 3, { stride: 2 }), 3, [8, 8]);
  assertEquals(multiplyAdds(up), 3 * 4 * 64 * 6 * 9);
});

Deno.test("The size of every random configuration follows the formula", () => {
  fc.assert(
    fc.property(layerCases(), (layerCase) => {
      const { transposed, input, output, kernel, stride, dilation, padBegin, padEnd } =
        geometryOfCase(
          layerCase,
        );
      for (const axis of [0, 1, 2] as const) {
        const pads = padBegin[axis] + padEnd[axis];
        const extent = dilation[axis] * (kernel[axis] - 1) + 1;
        if (transposed) {
          const least = (input[axis] - 1) * stride[axis] + extent - pads;
          const extension = output[axis] - least;
          if (layerCase.options.padding === "same" && !layerCase.outputSize) {
            assertEquals(output[axis], input[axis] * stride[axis]);
          } else {
            assertEquals(extension >= 0, true);
            assertEquals(extension < Math.max(stride[axis], dilation[axis]) * 2, true);
          }
        } else {
          const expected = Math.floor((input[axis] + pads - extent) / stride[axis]) + 1;
          assertEquals(output[axis], expected);
        }
      }
    }),
    { seed: 42, numRuns: draws(300) },
  );
});
