import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { differenceOf, indexOf } from "../../../src/cli/arrays/difference.ts";
import { writeNpy, writeNpz, writeSafetensors, writeTorch } from "../../../src/io/mod.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";
import { runJson, runMain, runShell, spawnMain } from "../_cli.ts";

Deno.test("compare says how much two arrays differ and where, and ends with 1 beyond the tolerance", async () => {
  using folder = new TestFolder();
  await writeNpy(folder.file("a.npy"), Tensor.from([[1, 2, 4], [0, 0, 0]]));
  await writeNpy(folder.file("b.npy"), Tensor.from([[1, 2, 4], [0, 0.5, 0.25]]));
  const same = await spawnMain(["compare", "a.npy", "a.npy"], folder.path);
  assertEquals([same.code, same.err], [0, ""]);
  assertMatch(same.out, /\ntensor +\[2, 3\] +0 of 6 +0 +0\n\nEqual\n$/);
  const other = await spawnMain(["compare", "a.npy", "b.npy"], folder.path);
  assertEquals([other.code, other.err], [1, ""]);
  assertStringIncludes(other.out, "first   a.npy\nsecond  b.npy\n");
  assertMatch(other.out, /\ntensor +\[2, 3\] +2 of 6 +0.5 +0.125 +\[1, 1\] +0, 0.5\n/);
  assertStringIncludes(other.out, "Different: 1 of 1 beyond the tolerance of 0\n");
  for (const [tolerance, expected] of [["0.125", 0], ["0.1249", 1], ["1e9", 0]] as const) {
    const words = ["compare", "a.npy", "b.npy", "--tolerance", tolerance];
    const { code, out } = await spawnMain(words, folder.path);
    assertEquals(code, expected);
    if (code === 0) {
      assertStringIncludes(out, `Alike: within the tolerance of ${Number(tolerance)}`);
    }
  }
});

Deno.test("compare compares all arrays of one name, whatever the forms of the files", async () => {
  using folder = new TestFolder();
  const [a, b, c] = ["a.pt", "b.safetensors", "c.npz"].map((name) => folder.file(name));
  const x = Tensor.randn([3, 4], { seed: 1 });
  await writeTorch(`${a}`, { x, y: Tensor.ones([2]) });
  await writeSafetensors(`${b}`, { y: Tensor.ones([2]), x });
  await writeNpz(`${c}`, { x, y: Tensor.ones([3]), z: x });
  assertEquals((await runMain("compare", `${a}`, `${b}`)).code, 0);
  const { code, out } = await runMain("compare", `${a}`, `${c}`, "--tolerance", "9");
  assertEquals(code, 1);
  assertStringIncludes(out, `only in ${c}: "z"\n`);
  assertStringIncludes(out, 'other shapes: "y: [2] and [3]"\n');
  assertStringIncludes(out, "Different: not the same names and shapes\n");
  const one = await runMain("compare", `${a}`, `${c}`, "--name", "x");
  assertEquals(one.code, 0);
  const half = folder.file("half.pt");
  await writeTorch(half, { x, y: Tensor.ones([2]) }, { dtype: "float16" });
  assertEquals((await runMain("compare", `${a}`, half)).code, 1);
  assertEquals((await runMain("compare", `${a}`, half, "--tolerance", "5e-4")).code, 0);
});

Deno.test("compare --json prints the figures, and single arrays need no names", async () => {
  using folder = new TestFolder();
  const [a, b] = ["a.npy", "b.npz"].map((name) => folder.file(name));
  await writeNpy(`${a}`, Tensor.from([2, NaN, Infinity]));
  await writeNpz(`${b}`, { other: Tensor.from([2, NaN, Infinity]) });
  assertEquals(await runJson("compare", `${a}`, `${b}`), {
    first: a,
    second: b,
    tolerance: 0,
    isAlike: true,
    arrays: [{
      name: "tensor, other",
      shape: [3],
      largest: 0,
      relative: 0,
      index: null,
      values: null,
      differing: 0,
    }],
    onlyInFirst: [],
    onlyInSecond: [],
    otherShapes: [],
  });
});

Deno.test("compare reads one file from standard input", async () => {
  using folder = new TestFolder();
  await writeNpy(folder.file("a.npy"), Tensor.ones([2]));
  const { code, out } = await runShell("tileconv compare a.npy - < a.npy", folder.path);
  assertEquals(code, 0);
  assertStringIncludes(out, "second  standard input\n");
});

Deno.test("differenceOf() finds the largest difference, and those that are none", () => {
  const of = (a: readonly number[], b: readonly number[]) =>
    differenceOf(Float32Array.from(a), Float32Array.from(b));
  assertEquals(of([1, -8, 3], [1, -6, 2]), { largest: 2, relative: 0.25, place: 1, count: 2 });
  assertEquals(of([], []), { largest: 0, relative: 0, place: null, count: 0 });
  const same = [NaN, Infinity, -Infinity, 0];
  assertEquals(of(same, [NaN, Infinity, -Infinity, -0]).count, 0);
  for (const other of [NaN, -Infinity, 1]) {
    const { largest, relative, place } = of([0, Infinity], [0.5, other]);
    assertEquals([largest, relative, place], [Infinity, Infinity, 1]);
  }
  assertEquals(of([0, NaN], [0, 0]).place, 1);
  assertEquals(indexOf(23, [2, 3, 4]), [1, 2, 3]);
  assertEquals(indexOf(0, []), []);
});
