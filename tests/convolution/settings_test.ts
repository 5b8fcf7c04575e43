import { assertEquals, assertThrows } from "@std/assert";
import type { ConvSettings, Padding, SizeOptions } from "../../src/convolution/settings.ts";
import { resolveSettings } from "../../src/convolution/settings.ts";

const NAMES = ["stride", "padding", "dilation", "groups", "outputPadding", "paddingMode"];

function conv2d(options: SizeOptions, kernelSize: unknown = 3): ConvSettings {
  const subject = { transposed: false, rank: 2, inChannels: 4, outChannels: 8 } as const;
  return resolveSettings(
    { ...subject, name: "Conv2d", kernelSize: kernelSize as number },
    options,
    NAMES,
  );
}

function convTranspose1d(options: SizeOptions): ConvSettings {
  const subject = {
    transposed: true,
    rank: 1,
    inChannels: 4,
    outChannels: 8,
    kernelSize: 3,
  } as const;
  return resolveSettings({ ...subject, name: "ConvTranspose1d" }, options, NAMES);
}

Deno.test("resolveSettings() spells out one number for all axes", () => {
  const { kernel, stride, dilation, padding } = conv2d({ stride: 2, dilation: 3, padding: 1 });
  assertEquals(kernel, [3, 3]);
  assertEquals(stride, [2, 2]);
  assertEquals(dilation, [3, 3]);
  assertEquals(padding, [[1, 1], [1, 1]]);
});

Deno.test("resolveSettings() takes every form of padding", () => {
  const forms: [Padding, ConvSettings["padding"]][] = [
    [0, [[0, 0], [0, 0]]],
    [[1, 2], [[1, 1], [2, 2]]],
    [[[1, 2], [3, 4]], [[1, 2], [3, 4]]],
    [[5, [3, 4]], [[5, 5], [3, 4]]],
    ["valid", [[0, 0], [0, 0]]],
    ["same", "same"],
  ];
  for (const [padding, expected] of forms) assertEquals(conv2d({ padding }).padding, expected);
});

Deno.test("resolveSettings() refuses sizes that are no sizes", () => {
  const cases: [() => unknown, typeof TypeError | typeof RangeError, string][] = [
    [() => conv2d({}, 0), RangeError, "kernelSize must be an integer of at least 1, but is 0"],
    [() => conv2d({}, [3, 0]), RangeError, "kernelSize[1] must be an integer of at least 1"],
    [() => conv2d({}, [3]), RangeError, "kernelSize must have one number per spatial axis (2)"],
    [() => conv2d({}, "3"), TypeError, 'kernelSize must be a number or an array of 2, but is "3"'],
    [
      () => conv2d({}, null),
      TypeError,
      "kernelSize must be a number or an array of 2, but is null",
    ],
    [() => conv2d({ stride: 0 }), RangeError, "stride must be an integer of at least 1, but is 0"],
    [() => conv2d({ stride: 1.5 }), RangeError, "stride must be an integer of at least 1"],
    [() => conv2d({ stride: null as never }), TypeError, "stride must be a number or an array"],
    [
      () => conv2d({ stride: [1, "2"] as never }),
      TypeError,
      'stride[1] must be a number, but is "2"',
    ],
    [() => conv2d({ stride: [1, , 2] as never }), RangeError, "one number per spatial axis"],
    [() => conv2d({ dilation: -1 }), RangeError, "dilation must be an integer of at least 1"],
    [() => conv2d({ dilation: NaN }), RangeError, "dilation must be an integer of at least 1"],
    [() => conv2d({ padding: -1 }), RangeError, "padding must be an integer of at least 0"],
    [() => conv2d({ padding: [0, [1, -1]] }), RangeError, "padding[1][1] must be an integer of at"],
    [
      () => conv2d({ padding: [0, [1]] as never }),
      RangeError,
      "padding[1] must be a number or a pair",
    ],
    [
      () => conv2d({ padding: [0, "1"] as never }),
      TypeError,
      'padding[1] must be a number, but is "1"',
    ],
    [
      () => conv2d({ padding: [1] }),
      RangeError,
      "one number or [begin, end] pair per spatial axis (2)",
    ],
    [
      () => conv2d({ padding: "SAME" as never }),
      RangeError,
      'a size, "valid" or "same", but is "SAME"',
    ],
    [() => conv2d({ padding: true as never }), TypeError, "padding must be a number or an array"],
    [() => conv2d({ groups: 3 }), RangeError, "inChannels must be divisible by groups"],
    [() => conv2d({ groups: 0 }), RangeError, "groups must be an integer of at least 1"],
    [() => conv2d({ groups: "2" as never }), TypeError, 'groups must be a number, but is "2"'],
    [() => conv2d({ paddingMode: "mirror" as never }), RangeError, 'one of "zeros", "reflect"'],
    [() => conv2d({ paddingMode: 1 as never }), TypeError, 'one of "zeros", "reflect"'],
  ];
  for (const [build, kind, message] of cases) {
    assertThrows(build, kind, message);
    assertThrows(build, kind, "Conv2d: ");
  }
});

Deno.test("resolveSettings() wants both numbers of channels divisible by groups", () => {
  const resolve = (inChannels: number, outChannels: number, transposed: boolean) => () =>
    resolveSettings(
      { name: "Conv", transposed, rank: 1, inChannels, outChannels, kernelSize: 1 },
      { groups: 3 },
      NAMES,
    );
  for (const transposed of [false, true]) {
    assertEquals(resolve(6, 9, transposed)().groups, 3);
    assertThrows(resolve(5, 9, transposed), RangeError, "inChannels must be divisible by groups");
    assertThrows(resolve(6, 8, transposed), RangeError, "outChannels must be divisible by groups");
  }
});

Deno.test("resolveSettings() says how to write a pair for one axis", () => {
  assertThrows(
    () => convTranspose1d({ padding: [1, 2] }),
    RangeError,
    "a pair for the one axis is written [[begin, end]]",
  );
  assertEquals(convTranspose1d({ padding: [[1, 2]] }).padding, [[1, 2]]);
});

Deno.test("resolveSettings() limits outputPadding by stride and dilation", () => {
  assertEquals(convTranspose1d({ stride: 3, outputPadding: 2 }).outputPadding, [2]);
  assertEquals(convTranspose1d({ dilation: 3, outputPadding: 2 }).outputPadding, [2]);
  assertThrows(
    () => convTranspose1d({ stride: 2, dilation: 3, outputPadding: 3 }),
    RangeError,
    "ConvTranspose1d: outputPadding must be less than stride or dilation, from 0 to 2 on spatial " +
      "axis 0, but is [3]",
  );
});

Deno.test("resolveSettings() names the valid options and the nearest", () => {
  assertThrows(
    () => conv2d({ strides: 2 } as never),
    TypeError,
    'Conv2d: unknown option "strides", did you mean "stride"? (valid options: stride, padding, ' +
      "dilation, groups, outputPadding, paddingMode)",
  );
  assertThrows(
    () => conv2d({ output_padding: 1 } as never),
    TypeError,
    'did you mean "outputPadding"?',
  );
  assertThrows(
    () => conv2d({ device: "cpu" } as never),
    TypeError,
    'Conv2d: unknown option "device" (valid options: stride',
  );
});

Deno.test("resolveSettings() takes an undefined option for a missing one", () => {
  assertEquals(conv2d({ stride: undefined } as never).stride, [1, 1]);
});
