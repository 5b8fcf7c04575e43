import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { decodeNpy } from "../../../src/io/arrays/npy.ts";
import { decodeNamed, FileError } from "../../../src/io/files.ts";
import type { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";
import { hasNumpy, runPython } from "../../_numpy.ts";
import { change, changes } from "../_mutate.ts";
import { LEGAL } from "./_npy_cases.ts";

/** What is read of bytes; null where they are refused as they should be. */
function read(bytes: Uint8Array): Tensor | null {
  try {
    return decodeNamed("a.npy", () => decodeNpy(bytes));
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    assert(/^Cannot read "a\.npy": it[ -~]{1,300}$/.test(error.message), error.message);
    return null;
  }
}

/** NumPy has no lists as shapes. */
const FILES = LEGAL.filter(({ name, bytes }) => name !== "a list as shape" && bytes.length < 1000);

const mutants: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.constantFrom(...FILES), changes)
  .map(([{ bytes }, list]) => change(bytes, list));

Deno.test("decodeNpy() reads a changed file, or says what is wrong in one line", () => {
  fc.assert(
    fc.property(mutants, (bytes) => {
      const tensor = read(bytes);
      // No more is made of a file than is in it.
      if (tensor !== null) assert(tensor.data.length <= bytes.length);
    }),
    { seed: 50, numRuns: 5000 },
  );
});

Deno.test({
  name: "NumPy reads the same from changed files",
  ignore: !hasNumpy,
  fn() {
    using folder = new TestFolder();
    const tensors = fc.sample(mutants, { seed: 51, numRuns: 10_000 })
      .flatMap((bytes) => {
        const tensor = read(bytes);
        return tensor === null ? [] : [{ bytes, tensor }];
      });
    assert(tensors.length > 100);
    for (const [index, { bytes }] of tensors.entries()) {
      Deno.writeFileSync(folder.file(`${index}.npy`), bytes);
    }
    const printed = runPython(
      `
import json, sys, warnings, numpy as np
warnings.simplefilter("ignore")
for i in range(int(sys.argv[2])):
    try:
        with np.errstate(all="ignore"):
            a = np.load(f"{sys.argv[1]}/{i}.npy").astype("<f4")
        a = np.where(np.isnan(a), np.float32("nan"), a)
        print(json.dumps([list(a.shape), a.tobytes().hex()]))
    except ValueError as error:
        print(json.dumps(str(error)))
`,
      folder.path,
      String(tensors.length),
    );
    const lines = printed.trim().split("\n");
    for (const [index, { bytes, tensor }] of tensors.entries()) {
      const seen: unknown = JSON.parse(lines[index] ?? "");
      // Of several NaN one is as good as another.
      const values = tensor.data.map((value) => Number.isNaN(value) ? NaN : value);
      const expected = [tensor.shape, new Uint8Array(values.buffer).toHex()];
      assertEquals(seen, expected, new TextDecoder("latin1").decode(bytes));
    }
  },
});
