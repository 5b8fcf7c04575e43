import { assert, assertEquals } from "@std/assert";
import { speedRow, speedTable } from "../../../src/cli/pictures/speed_table.ts";

const PIXELS = 1e6;
const LAYER = "Conv2d 3→3, 17x1, groups 3";

Deno.test("speedTable() has a row for each layer and one for all of them", () => {
  const rows = [
    speedRow("blur", LAYER, PIXELS, { seconds: 0.001, plainSeconds: 0.03 }),
    speedRow("edges", LAYER, PIXELS, { seconds: 0.003, plainSeconds: 0.01 }),
  ];
  assertEquals(
    speedTable(rows, PIXELS),
    `\
picture   layer                          time  megapixels/s  plain JS  speedup
--------  --------------------------  -------  ------------  --------  -------
blur      Conv2d 3→3, 17x1, groups 3  1.00 ms          1000   30.0 ms     30 x
edges     Conv2d 3→3, 17x1, groups 3  3.00 ms           333   10.0 ms    3.3 x
together                              4.00 ms           250   40.0 ms     10 x`,
  );
});

Deno.test("speedTable() fits into 80 columns, however fast a machine is", () => {
  const times = [1e-6, 1.23456e-4, 0.999e-3, 0.1234, 9.99, 123.4];
  for (const seconds of times) {
    for (const plainSeconds of times) {
      const row = speedRow("emboss", LAYER, 264 ** 2, { seconds, plainSeconds });
      for (const line of speedTable([row], 264 ** 2).split("\n")) {
        assert(line.length <= 80, line);
      }
    }
  }
});
