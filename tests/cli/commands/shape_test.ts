import { assertEquals, assertStringIncludes } from "@std/assert";
import { runJson, runMain } from "../_cli.ts";

Deno.test("shape prints the figures of the documentation's examples", async () => {
  const conv = ["--kernel-size", "3,5", "--stride", "2,1", "--padding", "4,2", "--dilation", "3,1"];
  const sizes = ["--input-shape", "20,16,50,100", "--out-channels", "33"];
  assertEquals(await runJson("shape", "conv2d", ...sizes, ...conv), {
    layer: "Conv2d",
    inputShape: [20, 16, 50, 100],
    outputShape: [20, 33, 26, 100],
    parameters: 33 * 16 * 15 + 33,
    multiplyAdds: 20 * 33 * 26 * 100 * 16 * 15,
    bytes: {
      parameters: 4 * (33 * 16 * 15 + 33),
      input: 4 * 20 * 16 * 50 * 100,
      output: 4 * 20 * 33 * 26 * 100,
    },
  });
  const up = ["--kernel-size", "3,5", "--stride", "2,1", "--padding", "4,2", "--no-bias"];
  const transposed = await runJson("shape", "convtranspose2d", ...sizes, ...up);
  assertEquals(transposed["outputShape"], [20, 33, 93, 100]);
  assertEquals(transposed["parameters"], 33 * 16 * 15);
  assertEquals(transposed["multiplyAdds"], 20 * 16 * 50 * 100 * 33 * 15);
});

Deno.test("shape reads an output size and an unbatched input", async () => {
  const figures = await runJson(
    ...["shape", "convtranspose2d", "--input-shape", "16,6,6", "--out-channels", "16"],
    ...["--kernel-size", "3", "--stride", "2", "--padding", "1", "--output-size", "12"],
  );
  assertEquals(figures["outputShape"], [16, 12, 12]);
});

Deno.test("shape allocates nothing: a layer of terabytes has a shape", async () => {
  const { code, out } = await runMain(
    ...["shape", "conv2d", "--input-shape", "1,100000,9,9", "--out-channels", "1000000"],
    ...["--kernel-size", "3"],
  );
  assertEquals(code, 0);
  assertStringIncludes(out, "900,001,000,000, 3.27 TiB");
});

Deno.test("shape says what is wrong with its arguments", async () => {
  const rest = ["--out-channels", "4", "--kernel-size", "3"];
  const cases: readonly [string[], string][] = [
    [["conv2d", ...rest], 'Option "--input-shape" is missing'],
    [
      ["conv2d", "--input-shape", "3", ...rest],
      'Option "--input-shape": Conv2d takes inputs (N, C, H, W) or (C, H, W), of 4 or 3 axes, but ' +
      "this one has 1: [3]",
    ],
    [["conv1d", "--input-shape", "1,3,8,8", ...rest], "(N, C, W) or (C, W), of 3 or 2 axes, but"],
    [["conv3d", "--input-shape", "3,8,8", ...rest], "but this one has 3: [3, 8, 8]"],
    [["conv2d", "--input-shape", "1,3,8,8", "--kernel-size", "3"], '"--out-channels" is missing'],
    [["conv2d", "--input-shape", "1,3,2,2", ...rest], "the kernel spans 3 but the padded input"],
    [
      ["conv2d", "--input-shape", "1,3,-2,2", ...rest],
      '"--input-shape" must be at least 0, but is -2',
    ],
    [["conv2d", "--input-shape", "1,3,8,8", "--in-channels", "4", ...rest], "has 3 channels"],
    [["conv2d", "conv2d", "--input-shape", "1,3,8,8", ...rest], 'Unexpected argument "conv2d"'],
    [["conv2d", "--input-shape", "9,3,99999999,9999", ...rest], "more than the 16.0 GiB"],
    [
      ["conv1d", "--input-shape", "1,1,4294967297", ...rest],
      "16.000000004 GiB, more than the 16.000000000 GiB",
    ],
    [["conv1d", "--input-shape", "1,1,36028797018963969", ...rest], "but is 36028797018963969"],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await runMain("shape", ...args);
    assertEquals(code, 2);
    assertStringIncludes(err, message);
  }
});
