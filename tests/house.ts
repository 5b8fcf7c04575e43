/**
 * The folders from top to bottom, with the arrows of imports between them. Fails on an arrow that runs up or
 * sideways, on a circle of files, types included, and on a folder of too many files.
 *
 * ```sh
 * deno task house
 * ```
 *
 * @module
 */

/** The floors of the house, the highest first. Rooms on one floor do not see each other. */
const FLOORS: readonly (readonly string[])[] = [
  ["bench", ".ci/packages"],
  ["src/cli/main.ts"],
  ["src/cli/commands"],
  ["src/cli/training", "src/cli/upscaling"],
  ["src/cli/pictures"],
  ["src/cli/arrays", "src/cli/networks"],
  ["src/cli"],
  ["src/network"],
  ["src/network/operators"],
  ["src/network/graph"],
  ["mod.ts"],
  ["src/io/mod.ts"],
  ["src/io/models/tfjs"],
  ["src/io/arrays", "src/io/models/onnx", "src/io/pictures", "src/io/sound"],
  ["src/io/zip"],
  ["src/io", "src/train"],
  ["src/layers"],
  ["src/execution"],
  ["src/kernels/choose.ts"],
  ["src/kernels/families.ts"],
  [
    "src/kernels/activation_gradient",
    "src/kernels/depthwise",
    "src/kernels/interleaved",
    "src/kernels/maps",
    "src/kernels/matrix",
    "src/kernels/matrix_vector",
    "src/kernels/padding_gradient",
    "src/kernels/transposed",
    "src/kernels/unfold",
    "src/kernels/weight_gradient",
  ],
  // Rows that stride phases are computed by, too, and transforms that weight gradients are.
  ["src/kernels/direct", "src/kernels/winograd"],
  ["src/kernels/rows", "src/kernels/packing"],
  ["src/kernels/common"],
  ["src/kernels"],
  ["src/engine"],
  ["workers"],
  ["src/codegen/wasm", "src/codegen/x64"],
  ["src/codegen"],
  ["src/platform"],
  ["src/convolution"],
  ["src/tensor"],
  ["src/base"],
];

const MOST_FILES = 25;

const ROOT = new URL("../", import.meta.url);

/** Every module, with the modules that it imports. */
type Imports = ReadonlyMap<string, readonly string[]>;

/** All modules of the floors. */
async function readImports(): Promise<Imports> {
  const imports = new Map<string, readonly string[]>();
  const read = async (path: string) => {
    const text = await Deno.readTextFile(new URL(path, ROOT));
    const always = text.matchAll(/^(?:import|export)\b[^;]*?"(\.[^"]*\.ts)"/gm);
    const later = text.matchAll(/\bimport\("(\.[^"]*\.ts)"\)/g);
    const targets = [...always, ...later].map(([, specifier = ""]) =>
      new URL(specifier, new URL(path, ROOT)).href.slice(ROOT.href.length)
    );
    imports.set(path, targets);
  };
  const walk = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
      if (isDirectory) await walk(`${folder}${name}/`);
      else if (name.endsWith(".ts")) await read(`${folder}${name}`);
    }
  };
  await read("mod.ts");
  for (const folder of ["src/", "workers/", "bench/", ".ci/packages/"]) await walk(folder);
  return imports;
}

/** The room of a module: the most particular one that it is in. */
function roomOf(path: string): string {
  const rooms = FLOORS.flat().filter((room) => path === room || path.startsWith(`${room}/`));
  const [first, ...others] = rooms;
  if (first === undefined) throw new RangeError(`${path} is in no room of the house`);
  return others.reduce((best, room) => room.length > best.length ? room : best, first);
}

function floorOf(room: string): number {
  return FLOORS.findIndex((rooms) => rooms.includes(room));
}

/** An arrow from room to room, and a file that draws it. */
interface Arrow {
  readonly to: string;
  readonly files: readonly string[];
}

/** The arrows from each room. */
function arrowsOf(imports: Imports): Map<string, Arrow[]> {
  const arrows = new Map<string, Arrow[]>();
  for (const [path, targets] of imports) {
    const from = roomOf(path);
    const known = arrows.get(from) ?? [];
    for (const to of new Set(targets.map(roomOf))) {
      if (to === from) continue;
      const arrow = known.find((arrow) => arrow.to === to);
      if (arrow === undefined) known.push({ to, files: [path] });
      else known[known.indexOf(arrow)] = { to, files: [...arrow.files, path] };
    }
    arrows.set(from, known);
  }
  return arrows;
}

/** How many modules lie in each folder itself. */
function filesByFolder(imports: Imports): Map<string, number> {
  const counts = new Map<string, number>();
  for (const path of imports.keys()) {
    const folder = path.slice(0, path.lastIndexOf("/") + 1);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return counts;
}

/** Modules that import each other, a list a circle: strongly connected components (Tarjan). */
function circlesOf(imports: Imports): string[][] {
  const indices = new Map<string, number>();
  const lows = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (path: string) => {
    const index = indices.size;
    indices.set(path, index);
    lows.set(path, index);
    stack.push(path);
    for (const target of imports.get(path) ?? []) {
      if (!indices.has(target)) visit(target);
      else if (!stack.includes(target)) continue;
      lows.set(path, Math.min(lows.get(path) ?? 0, lows.get(target) ?? Infinity));
    }
    if (lows.get(path) !== index) return;
    const circle = stack.splice(stack.indexOf(path));
    if (circle.length > 1) circles.push(circle);
  };
  for (const path of imports.keys()) if (!indices.has(path)) visit(path);
  return circles;
}

const imports = await readImports();
const arrows = arrowsOf(imports);
const faults: string[] = [];
for (const [floor, rooms] of FLOORS.entries()) {
  for (const room of rooms) {
    const files = [...imports.keys()].filter((path) => roomOf(path) === room);
    if (files.length === 0) faults.push(`${room} is empty`);
    const targets = arrows.get(room) ?? [];
    for (const { to, files } of targets) {
      if (floorOf(to) <= floor) faults.push(`${room} -> ${to} runs back: ${files.join(", ")}`);
    }
    const names = targets.map(({ to }) => to).sort((a, b) => floorOf(a) - floorOf(b));
    const count = files.length === 1 ? "1 file" : `${files.length} files`;
    console.log(`${room.padEnd(26)} ${count.padStart(8)}  -> ${names.join(", ") || "nothing"}`);
  }
}
for (const [folder, count] of filesByFolder(imports)) {
  if (count > MOST_FILES) faults.push(`${folder} has ${count} files, more than ${MOST_FILES}`);
}
for (const circle of circlesOf(imports)) faults.push(`A circle: ${circle.join(", ")}`);
const count = [...arrows.values()].reduce((sum, { length }) => sum + length, 0);
console.log(`\n${imports.size} files, ${arrows.size} rooms, ${count} arrows`);
for (const fault of faults) console.error(`error: ${fault}`);
if (faults.length > 0) Deno.exitCode = 1;
