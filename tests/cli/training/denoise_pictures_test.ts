import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  findPictures,
  fingerprint,
  loadPictures,
  middleOf,
} from "../../../src/cli/training/denoise_pictures.ts";
import { FileError } from "../../../src/io/files.ts";
import { writePng } from "../../../src/io/pictures/png.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";

async function writePictures(
  folder: TestFolder,
  shapes: Readonly<Record<string, readonly number[]>>,
): Promise<void> {
  for (const [index, [name, shape]] of Object.entries(shapes).entries()) {
    const pixels = Tensor.uniform(shape, { seed: index });
    await writePng(folder.file(name), { pixels, bitDepth: 16 });
  }
}

async function load(folder: TestFolder, names: readonly string[], seed = 0) {
  const warnings: string[] = [];
  const paths = names.map((name) => folder.file(name));
  const warn = (text: string) => void warnings.push(text);
  return { ...await loadPictures(paths, { patch: 16, seed, warn }), warnings };
}

Deno.test("findPictures() finds those of folders and those that are named, each once", async () => {
  using folder = new TestFolder();
  Deno.mkdirSync(folder.file("photos"));
  Deno.mkdirSync(folder.file("photos/album.png"));
  const files = ["b.PNG", "a.png", ".hidden.png", "c.jpg", "notes.txt", "denoise.png"];
  for (const name of files) Deno.writeTextFileSync(folder.file(`photos/${name}`), "");
  Deno.symlinkSync(folder.file("photos/a.png"), folder.file("link"));
  const [photos, a] = [folder.file("photos"), folder.file("photos/a.png")];
  const found = (...paths: readonly string[]) =>
    findPictures(paths, folder.file("photos/denoise.png"));
  const names = ["a.png", "b.PNG", "c.jpg"];
  assertEquals(await found(photos), names.map((name) => `${photos}/${name}`).sort());
  assertEquals((await found(photos, a, folder.file("link"))).length, 3);
  assertEquals(await found(folder.file("link"), a), [folder.file("link")]);
  assertEquals(await found(folder.file("photos/notes.txt")), [folder.file("photos/notes.txt")]);
  for (const name of ["photos/album.png", "photos/denoise.png"]) {
    await assertRejects(
      () => found(folder.file(name)),
      FileError,
      "There is no PNG or JPEG picture in",
    );
  }
  await assertRejects(
    () => found(photos, folder.file("none")),
    FileError,
    "no such file or folder",
  );
});

Deno.test("loadPictures() holds a fifth out, as the seed draws them", async () => {
  using folder = new TestFolder();
  const names = Array.from({ length: 10 }, (_, index) => `${index}.png`);
  await writePictures(folder, Object.fromEntries(names.map((name) => [name, [3, 16, 20]])));
  const tests = new Set<string>();
  for (const seed of [0, 1, 2]) {
    const { training, test, warnings } = await load(folder, names, seed);
    const used = [...training, ...test].map(({ name }) => name);
    assertEquals([training.length, test.length], [8, 2]);
    assertEquals(used.toSorted(), names.map((name) => folder.file(name)));
    assertEquals(warnings, []);
    assertEquals(fingerprint((await load(folder, names, seed)).training), fingerprint(training));
    tests.add(fingerprint(test));
  }
  assert(tests.size > 1);
});

Deno.test("loadPictures() makes all pictures grey or all of them coloured, on black", async () => {
  using folder = new TestFolder();
  await writePictures(folder, {
    "grey.png": [1, 16, 16],
    "alpha.png": [2, 16, 16],
    "colors.png": [3, 16, 16],
  });
  const grey = await load(folder, ["grey.png", "alpha.png"]);
  assertEquals(grey.channels, 1);
  const alpha = [...grey.training, ...grey.test].find(({ name }) => name.endsWith("alpha.png"));
  const values = Tensor.uniform([2, 16, 16], { seed: 1 }).data;
  alpha?.pixels.data.forEach((value, i) => {
    assert(Math.abs(value - (values[i] ?? NaN) * (values[256 + i] ?? NaN)) < 1e-4);
  });
  const mixed = await load(folder, ["grey.png", "colors.png"]);
  assertEquals(mixed.channels, 3);
  for (const { name, pixels } of [...mixed.training, ...mixed.test]) {
    assertEquals(pixels.shape, [3, 16, 16]);
    const [red, blue] = [pixels.data.slice(0, 256), pixels.data.slice(512)];
    assertEquals(red.join() === blue.join(), name.endsWith("grey.png"));
  }
});

Deno.test("loadPictures() leaves out what is smaller than a patch, and says so", async () => {
  using folder = new TestFolder();
  await writePictures(folder, { "a.png": [1, 15, 90], "b.png": [1, 16, 16], "c.png": [1, 20, 16] });
  const { training, test, warnings } = await load(folder, ["a.png", "b.png", "c.png"]);
  assertEquals([training.length, test.length], [1, 1]);
  assertEquals(warnings, [
    `${folder.file("a.png")} is left out: it has 90 x 15 pixels, less than a patch of 16`,
  ]);
  await assertRejects(
    () => load(folder, ["a.png"]),
    FileError,
    "No picture is as large as a patch",
  );
});

Deno.test("loadPictures() holds out a part of a single picture, if it is large enough", async () => {
  using folder = new TestFolder();
  await writePictures(folder, { "a.png": [1, 30, 80], "b.png": [1, 33, 20], "c.png": [1, 31, 31] });
  const wide = await load(folder, ["a.png"]);
  assertEquals(wide.training.map(({ pixels }) => pixels.shape), [[1, 30, 60]]);
  assertEquals(wide.test.map(({ pixels }) => pixels.shape), [[1, 30, 20]]);
  assertEquals(wide.warnings.length, 1);
  const high = await load(folder, ["b.png"]);
  assertEquals(high.training.map(({ pixels }) => pixels.shape), [[1, 17, 20]]);
  assertEquals(high.test.map(({ pixels }) => pixels.shape), [[1, 16, 20]]);
  await assertRejects(
    () => load(folder, ["c.png"]),
    FileError,
    "its longer side would have to be 32",
  );
});

Deno.test("middleOf() keeps what is small, and the middle of what is not", () => {
  const picture = Tensor.zeros([2, 4, 5]);
  picture.data.forEach((_, i) => picture.data[i] = i);
  assertEquals([...middleOf(picture, 2, 3).data], [6, 7, 8, 11, 12, 13, 26, 27, 28, 31, 32, 33]);
  assertEquals(middleOf(picture, 9, 9).data, picture.data);
});
