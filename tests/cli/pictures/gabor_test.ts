import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { colorSigned, gaborBank } from "../../../src/cli/pictures/gabor.ts";
import { Engine } from "../../../src/engine/engine.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";

const SIZE = 40;

/** A grey picture of `(3, SIZE, SIZE)`. */
function greyPicture(valueAt: (x: number, y: number) => number): Tensor {
  const plane = Array.from(
    { length: SIZE ** 2 },
    (_, pixel) => valueAt(pixel % SIZE, Math.floor(pixel / SIZE)),
  );
  return new Tensor([...plane, ...plane, ...plane], [3, SIZE, SIZE]);
}

function inMiddle(place: number): boolean {
  return Math.abs(place - SIZE / 2) < SIZE / 4;
}

/** The largest answer of each filter in the middle of a picture. */
async function answers(angles: readonly number[], picture: Tensor): Promise<readonly number[]> {
  using engine = new Engine({ threads: 1 });
  const { data } = await gaborBank(angles, engine).forward(picture);
  return angles.map((_, channel) =>
    Math.max(
      ...data.slice(channel * SIZE ** 2, (channel + 1) * SIZE ** 2)
        .filter((_, pixel) => inMiddle(pixel % SIZE) && inMiddle(Math.floor(pixel / SIZE)))
        .map(Math.abs),
    )
  );
}

Deno.test("gaborBank() answers to stripes of its own direction more than to all others", async () => {
  const angles = [0, 30, 60, 90, 120, 150];
  for (const [index, angle] of angles.entries()) {
    const turn = angle * Math.PI / 180;
    // Stripes that rise to the right by the angle; rows count downwards.
    const stripes = greyPicture((x, y) =>
      0.5 + 0.5 * Math.cos(2 * Math.PI * (x * Math.sin(turn) + y * Math.cos(turn)) / 7)
    );
    const all = await answers(angles, stripes);
    const own = all[index] ?? 0;
    assert(own > 0.5, `${angle} degrees: ${all}`);
    assert(all.every((answer, other) => other === index || answer < own), `${angle}: ${all}`);
    const across = all[(index + 3) % 6] ?? NaN;
    assert(across < own / 10, `${angle} degrees: ${all}`);
  }
});

Deno.test("gaborBank() gives 0 for flat pictures", async () => {
  for (const answer of await answers([0, 20, 90], greyPicture(() => 1))) {
    assertAlmostEquals(answer, 0, 1e-6);
  }
});

Deno.test("colorSigned() is dark at 0, amber above and blue below, and full at 1 and -1", () => {
  const { shape, data } = colorSigned(new Tensor([9, 9, -9, -1, -0.5, 0, 0.5, 1], [2, 1, 4]), 1, 2);
  assertEquals(shape, [3, 1, 4]);
  const colorAt = (x: number) => [data[x] ?? 0, data[4 + x] ?? 0, data[8 + x] ?? 0] as const;
  const [below, zero, above] = [colorAt(0), colorAt(1), colorAt(2)];
  assertEquals(above, colorAt(3));
  assert(Math.max(...zero) < 0.1);
  assert(below[2] > 2 * below[0] && above[0] > 2 * above[2]);
  const [half] = colorSigned(new Tensor([0.5], [1, 1, 1]), 0, 1).data;
  assertAlmostEquals(half ?? 0, (zero[0] + above[0]) / 2, 1e-6);
});
