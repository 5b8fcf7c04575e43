import { assertEquals, assertMatch } from "@std/assert";
import { writeNpy } from "../../src/io/arrays/npy.ts";
import { writeNpz } from "../../src/io/arrays/npz.ts";
import { encodePng, writePng } from "../../src/io/pictures/png.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { TestFolder } from "../_folder.ts";
import { makeTorch, pickleOf } from "../io/arrays/torch/_pickle.ts";
import { runMain } from "./_cli.ts";

/** What a wrong command line is told. In both, `./` is the test's folder. */
type Mistake = readonly [line: string, message: string];

const SIZES = "--out-channels 4 --kernel-size 3";
const SHAPE = "--input-shape 1,3,8,8";
const LAYERS = "expected conv1d, conv2d, conv3d, convtranspose1d, convtranspose2d, convtranspose3d";

/** The command line is wrong: exit code 2. */
const USAGE: readonly Mistake[] = [
  ["conv2d --kernel-size 3", 'Unknown command "conv2d", did you mean "run conv2d"?'],
  [
    "''",
    'Unknown command "", expected run, shape, explain, filter, upscale, convert, compare, show, infer, layers, check, info, demo or train',
  ],
  ["RUN", 'Unknown command "RUN", did you mean "run"?'],
  ["constructor", 'Unknown command "constructor", expected run, shape,'],
  ["--threads 2 info", 'Name a command before the option "--threads": run, shape,'],
  ["- info", 'Name a command before the option "-"'],
  ["help run more", 'Unexpected argument "more"'],
  ["version 2", 'Unexpected argument "2"'],
  ["run", `Name a layer, ${LAYERS}`],
  ["run help", `There is no layer "help", ${LAYERS}`],
  ["run conv4d", `There is no layer "conv4d", ${LAYERS}`],
  ["run __proto__", `There is no layer "__proto__", ${LAYERS}`],
  ["run --hlep", 'Unknown option "--hlep", did you mean "--help"?'],
  ["run conv2d", 'Name the file to read, or the "--input-shape" of random values'],
  ["run conv2d --input", 'Option "--input" needs a value'],
  ["run conv2d --input=", 'Option "--input" needs a value'],
  ["run conv2d --input --json", 'Option "--input" needs a value'],
  ["run conv2d ./x.npy", 'Options "--out-channels" and "--kernel-size" are missing'],
  [`run conv2d '' ${SIZES}`, "The path of a file is empty"],
  [`run conv2d --kernel 3`, 'Unknown option "--kernel", did you mean "--kernel-size"?'],
  [`run conv2d -i ./x.npy`, 'Unknown option "-i", did you mean "--input"?'],
  [`run conv2d ${SHAPE} ./x.npy`, '"--input-shape" is in place of the input "./x.npy"'],
  [`run conv2d ${SHAPE} ${SIZES} --json=yes`, '"--json" takes no value, but has "yes"'],
  [`run conv2d ${SHAPE} ${SIZES} --seed 1 --seed 2`, 'Option "--seed" is there twice'],
  [`run conv2d ${SHAPE} ${SIZES} --seed -1`, 'Option "--seed" must be at least 0, but is -1'],
  [
    `run conv2d ${SHAPE} ${SIZES} --seed 36028797018963969`,
    'Option "--seed" must be at most 9007199254740991, but is 36028797018963969',
  ],
  [`run conv2d ${SHAPE} ${SIZES} --repeat 1e3`, '"--repeat" needs a whole number such as 2, but'],
  [`run conv2d ${SHAPE} ${SIZES} --threads 257`, "threads must be at most 256, but is 257"],
  [`run conv2d ${SHAPE} ${SIZES} --bias ./b8.npy --no-bias`, "exclude each other"],
  [
    `run conv2d ${SHAPE} ${SIZES} --output ./y.gif`,
    'but "./y.gif" ends in .gif; call it "./y.npy"',
  ],
  [
    `run conv2d ${SHAPE} ${SIZES} --output ./y.jpg`,
    "is a JPEG file, which holds pictures (C, H, W) of 1 or 3 channels, but the output has shape [1, 4",
  ],
  [
    `run conv2d ${SHAPE} ${SIZES} --output ./y.wav`,
    "is a WAV file, which holds sounds (channels, samples), but the output has shape [1, 4",
  ],
  [
    "run conv1d --input-shape 1,9 --out-channels 2 --kernel-size 3 --output ./y.wav",
    'A WAV file needs the option "--sample-rate"',
  ],
  [
    `run conv2d ${SHAPE} ${SIZES} --output ./y.npy --format npz`,
    'is a .npz file, but "./y.npy" ends in .npy; call it "./y.npz"',
  ],
  [`run conv2d ${SHAPE} ${SIZES} --format tiff`, '"--format" must be npy, npz, safetensors, pt,'],
  [`run conv2d ${SHAPE} --weights ./m.npz --weight ./w.npy`, "exclude each other"],
  [`run conv2d ${SHAPE} --weights ./m.npz --bias ./b8.npy`, "exclude each other"],
  [`run conv2d ${SHAPE} --name a --weight ./w.npy`, 'which layer of "--weights", which is missing'],
  [`run conv2d ${SHAPE} ${SIZES} --input-name a`, "which array of an input, which is missing"],
  ["convert", "Name the file to read"],
  ["convert ./x.npy", "Name the file to write"],
  ["convert ./x.npy ./y.npy ./z.npy", 'Unexpected argument "'],
  ["convert ./x.npy ./y.txt", 'is a .npy file, but "./y.txt" ends in .txt; call it "./y.npy"'],
  ["convert ./x.npy ./y.npz --dtype float16", '"--dtype" is for .safetensors and .pt, not for a'],
  ["convert ./x.npy ./y.pt --dtype float64", '"--dtype" must be float32, float16 or bfloat16'],
  ["convert ./x.npy ./y.png", "which holds pictures (C, H, W) of 1 to 4 channels, but the output"],
  ["compare ./x.npy", "Name the two files to compare"],
  ["compare ./x.npy ./w.npy ./b8.npy", 'Unexpected argument "'],
  ["compare - -", 'Only one file can come from standard input ("-")'],
  ["compare ./x.npy ./w.npy --tolerance -1", '"--tolerance" must be a number from 0'],
  ["show", "Name the file to show"],
  ["show ./x.npy --name a", 'Unknown option "--name"'],
  [`run conv2d ${SHAPE} ${SIZES} --output ./y.npy.bak`, 'ends in .bak; call it "./y.npy"'],
  [`run conv2d ${SHAPE} ${SIZES} --output ./dir`, '"./dir" is a folder; name the file to write'],
  [`run conv2d ${SHAPE} ${SIZES} --output ''`, 'Option "--output" needs a value'],
  [`run conv2d --input-shape 1,3,8, ${SIZES}`, 'needs sizes such as 1,3,224,224, but has ""'],
  [`run conv2d --input-shape NaN ${SIZES}`, 'needs sizes such as 1,3,224,224, but has "NaN"'],
  [`run conv2d --input-shape 1,0,8,8 ${SIZES}`, "inChannels must be an integer of at least 1"],
  [`run conv2d --input-shape 1,3,0,8 ${SIZES}`, "only the batch may be empty"],
  [`run conv2d --input-shape 3,8 ${SIZES}`, "of 4 or 3 axes, but this one has 2: [3, 8]"],
  [`run conv2d ${SHAPE} ${SIZES} --dilation 9007199254740991`, "would span more than 90071992547"],
  [`run conv2d ./x.npy ./dir/x.npy ${SIZES} --output ./y.npy`, '"./y.npy" is not one'],
  [
    `run conv2d ./x.npy ./dir/x.npy ${SIZES} --output ./dir`,
    '"./x.npy" and "./dir/x.npy" would both be written to "./dir/x.npy"',
  ],
  [`run conv2d - --weight - ${SIZES}`, 'Only one array can come from standard input ("-")'],
  [`shape conv2d ${SHAPE} --in-channels 3`, '"--out-channels" and "--kernel-size" are missing'],
  [`explain conv2d ${SHAPE} ${SIZES} --backend gpu`, "must be auto, wasm or native"],
  ["check --count 0", 'Option "--count" must be at least 1, but is 0'],
  ["check --seed 9007199254740991", 'Option "--seed" must be from 0 to 9007199254740791'],
  ["info --threads 1,2", 'Option "--threads" needs a whole number such as 2, but has "1,2"'],
  ["info --backend", 'Option "--backend" needs a value'],
  ["filter", "Name a filter: blur, sharpen, edges, emboss, upscale or denoise"],
  ["filter sharp ./a.png ./o.png", 'Unknown filter "sharp", did you mean "sharpen"?'],
  ["filter ./a.png ./o.png", 'Unknown filter "./a.png", expected blur,'],
  ["filter blur", "Name the picture to read"],
  ["filter blur ./a.png", "Name the PNG file to write"],
  ["filter blur '' ./o.png", "The path of a file is empty"],
  ["filter blur ./a.png ''", "The path of a file is empty"],
  ["filter blur -a.png ./o.png", '"-a.png"; a path that begins so is written "./-a.png"'],
  ["filter blur ./a.png ./o.jpg", 'is a PNG file, but "./o.jpg" ends in .jpg; call it "./o.png"'],
  ["filter blur ./a.png ./o.JPEG", 'but "./o.JPEG" ends in .JPEG; call it "./o.png"'],
  ["filter blur ./a.png ./x.npy", 'but "./x.npy" ends in .npy'],
  ["filter blur ./a.png ./b.png ./o.png", "2 inputs need a folder for their outputs"],
  ["filter blur ./a.png ./b.png -", '2 inputs need a folder for their outputs, but "-" is not one'],
  ["filter blur ./a.png ./dir/a.png ./dir", 'would both be written to "./dir/a.png"'],
  ["filter blur - ./dir", '"./dir" is a folder; name the file to write'],
  ["filter blur ./a.png ./o.png --radius 1.5", '"--radius" needs a whole number such as 2'],
  ["filter blur ./a.png ./o.png --radius 65", '"--radius" must be from 1 to 64, but is 65'],
  ["filter blur ./a.png ./o.png --scale 2", 'Filter blur has no option "--scale"'],
  ["filter edges ./a.png ./o.png --amount NaN", "must be a number from 0 to 100"],
  ["filter edges ./a.png ./o.png --amount 0x10", "must be a number from 0 to 100"],
  ["filter edges ./a.png ./o.png --amount 1e999", "must be a number from 0 to 100"],
];

/** Something is wrong with a file: exit code 1. */
const FAILURES: readonly Mistake[] = [
  [`run conv2d ./none.npy ${SIZES}`, 'Cannot read "./none.npy": there is no such file or folder'],
  [`run conv2d ./dir ${SIZES}`, 'Cannot read "./dir": it is a folder'],
  [`run conv2d ./x.npy/x ${SIZES}`, "a part of its path is not a folder"],
  [`run conv2d ./empty.png ${SIZES}`, "it is empty; expected .npy, .npz, .safetensors, .pt, PNG"],
  [`run conv2d ./gif.png ${SIZES}`, 'Cannot read "./gif.png": it is a GIF picture; expected .npy'],
  [`run conv2d ./zip.npy ${SIZES}`, "it ends early, or goes on after its end: a ZIP archive ends"],
  [
    "run conv2d ./x.npy --weights ./m.npz",
    '"./m.npz" has 2 weights of Conv2d ("a", "b"); name one',
  ],
  ["run conv2d ./x.npy --weights ./m.npz --name c", 'no Conv2d called "c", but "a", "b"'],
  ["run conv2d ./x.npy --weights ./b8.npy", '"./b8.npy" has no weight of Conv2d, of 4 axes'],
  [
    "run conv1d ./m.npz --weight ./w.npy",
    '"./m.npz" holds 2 arrays ("a.weight", "b.weight"); name',
  ],
  ["run conv1d ./m.npz --weight ./w.npy --input-name a.weigth", 'did you mean "a.weight"?'],
  ["run conv2d ./x.npy --weight ./m.npz", "holds 2 arrays"],
  ["convert ./m.npz ./y.npy", 'holds 2 arrays ("a.weight", "b.weight"); name one with --name'],
  ["convert ./m.npz ./y.npz --name c", 'has no array "c"'],
  ["convert ./none.npy ./y.npz", "there is no such file or folder"],
  ["convert ./os.pt ./y.npz", 'it asks for "os.system", which no dict of tensors needs'],
  ["convert ./x.npy ./no/y.npz", "there is no folder"],
  ["compare ./m.npz ./os.pt", 'it asks for "os.system"'],
  ["compare ./m.npz ./n.npz", "No array of "],
  ["compare ./m.npz ./x.npy --name a.weight", '"./x.npy" has no array "a.weight", but "tensor"'],
  ["show ./os.pt", 'Cannot read "./os.pt": it asks for "os.system"'],
  ["show ./cut.png", "it ends early"],
  [
    `run conv2d ./b8.npy ${SIZES}`,
    '"./b8.npy": Conv2d takes inputs (N, C, H, W) or (C, H, W), of 4',
  ],
  [`run conv2d ./scalar.npy ${SIZES}`, "but this one has 0: []"],
  [`run conv2d ./x.npy ${SIZES} --in-channels 8`, "input has 16 channels"],
  [
    "run conv2d ./x.npy --weight ./w.npy",
    "input has 16 channels (shape [1, 16, 8, 8]), but the layer is for 4; it would fit with --groups 4",
  ],
  ["run conv2d ./x.npy --weight ./w.npy --groups 2", "is for 8; it would fit with --groups 4"],
  [
    "run conv2d ./x.npy --weight ./w.npy --in-channels 16",
    "but the file has [8, 4, 3, 3]; it would fit with --groups 4",
  ],
  [
    "run convtranspose2d ./x.npy --weight ./wt.npy --bias ./b8.npy",
    "has shape [4], but the file has [8]; it would fit with --groups 2",
  ],
  [
    "run convtranspose2d ./x.npy --weight ./wt.npy --out-channels 8",
    "but the file has [16, 4, 3, 3]; it would fit with --groups 2",
  ],
  ["run conv1d ./x.npy --weight ./w.npy", "Conv1d takes inputs (N, C, W) or (C, W)"],
  ["run conv2d ./x.npy --weight ./b8.npy", "has 4 axes, but the file has 1, of shape [8]"],
  [`run conv2d ./x.npy ${SIZES} --bias ./b8.npy`, "has shape [4], but the file has [8]"],
  [`run conv2d ./x.npy ${SIZES} --output ./no/y.npy`, "there is no folder"],
  [`run conv2d ./x.npy ${SIZES} --output ./no/`, "there is no folder"],
  [`run conv2d ./x.npy ${SIZES} --output ./x.npy/y.npy`, "there is no folder"],
  [`run conv2d ./x.npy ./none.npy ${SIZES} --output ./dir`, 'Cannot read "./none.npy"'],
  ["filter blur ./none.png ./o.png", 'Cannot read "./none.png": there is no such file or folder'],
  ["filter blur ./dir ./o.png", 'Cannot read "./dir": it is a folder'],
  [
    "filter blur ./empty.png ./o.png",
    'Cannot read "./empty.png": it is empty; expected a PNG file',
  ],
  ["filter blur ./gif.png ./o.png", "it is a GIF picture, not a PNG file"],
  ["filter blur ./jpeg.png ./o.png", "it ends early: the JPEG picture has no end mark"],
  ["filter blur ./x.npy ./o.png", 'Cannot read "./x.npy": it is a .npy file, not a PNG file'],
  ["filter blur ./cut.png ./o.png", "it ends early"],
  ["filter blur ./a.png ./cut.png ./dir", 'Cannot read "./cut.png": it ends early'],
  ["filter blur ./a.png ./jpeg.png ./dir", 'Cannot read "./jpeg.png": it ends early: the JPEG'],
  ["filter blur ./jpeg.jpg ./dir", 'Cannot read "./jpeg.jpg": it ends early: the JPEG picture'],
  [
    "filter blur ./\x1b[31m\r\nno.png ./o.png",
    'Cannot read "./ [31m no.png": there is no such file',
  ],
  ["filter blur ./a.png ./no/o.png", 'Cannot write "./no/o.png": there is no folder "./no"'],
  ["demo --out ./a.png", 'Cannot make the folder "./a.png": a file is in its place'],
];

async function writeFiles(folder: TestFolder): Promise<void> {
  const array = (name: string, shape: readonly number[]) =>
    writeNpy(folder.file(name), Tensor.ones(shape));
  Deno.mkdirSync(folder.file("dir"));
  await array("x.npy", [1, 16, 8, 8]);
  await array("dir/x.npy", [1, 16, 8, 8]);
  await array("w.npy", [8, 4, 3, 3]);
  await array("wt.npy", [16, 4, 3, 3]);
  await array("b8.npy", [8]);
  await array("scalar.npy", []);
  const weight = Tensor.ones([8, 4, 3, 3]);
  await writeNpz(folder.file("m.npz"), { "a.weight": weight, "b.weight": weight });
  await writeNpz(folder.file("n.npz"), { "c.weight": weight, "d.weight": weight });
  Deno.writeFileSync(folder.file("os.pt"), makeTorch(pickleOf("cos\nsystem\n.")));
  const picture = { pixels: Tensor.uniform([3, 9, 9], { seed: 1 }), bitDepth: 8 } as const;
  for (const name of ["a.png", "b.png", "dir/a.png"]) await writePng(folder.file(name), picture);
  const whole = await encodePng(picture);
  Deno.writeFileSync(folder.file("cut.png"), whole.subarray(0, 20));
  Deno.writeFileSync(folder.file("empty.png"), new Uint8Array());
  for (const name of ["jpeg.png", "jpeg.jpg"]) {
    Deno.writeFileSync(folder.file(name), Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16));
  }
  Deno.writeTextFileSync(folder.file("gif.png"), "GIF89a");
  Deno.writeTextFileSync(folder.file("zip.npy"), "PK\x03\x04, and so on");
}

/** The words of a line as a shell splits them; `''` is empty. */
function wordsOf(line: string, folder: TestFolder): readonly string[] {
  return line.split(" ").map((word) =>
    word === "''" ? "" : word.startsWith("./") ? folder.file(word.slice(2)) : word
  );
}

/** What is in the folder and the one inside it, with its content. */
function contentOf(folder: TestFolder): readonly (readonly [string, string])[] {
  return [
    ...folder.names(),
    ...[...Deno.readDirSync(folder.file("dir"))].map((file) => `dir/${file.name}`),
  ].sort().map((name) => {
    const isFile = Deno.statSync(folder.file(name)).isFile;
    return [name, isFile ? String(Deno.readFileSync(folder.file(name))) : ""];
  });
}

for (const [code, mistakes] of [[2, USAGE], [1, FAILURES]] as const) {
  Deno.test(`Mistakes are one line, exit code ${code}, and change no file`, async () => {
    using folder = new TestFolder();
    await writeFiles(folder);
    const before = contentOf(folder);
    for (const [line, message] of mistakes) {
      const ending = await runMain(...wordsOf(line, folder));
      const err = ending.err.replaceAll(`${folder.path}/`, "./");
      assertEquals([ending.code, ending.out], [code, ""], `${line}: ${err}`);
      assertMatch(err, /^error: [^\n]+\n$/);
      assertEquals(err.includes(message), true, `${line}: ${err}`);
      assertEquals(contentOf(folder), before, line);
    }
  });
}
