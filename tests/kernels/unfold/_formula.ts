import type { Geometry } from "../../../src/convolution/geometry.ts";

/** Calls `each` with what every tap sees, in the order of the unfolded array: `null` for padding. */
function eachSeen(g: Geometry, each: (unfolded: number, place: number | null) => void): void {
  const sizes = [
    g.batch,
    ...g.kernel,
    ...g.output,
  ];
  const count = sizes.reduce((a, b) => a * b, 1);
  for (let index = 0; index < count; index++) {
    let left = index;
    const at = sizes.toReversed().map((size) => {
      const here = left % size;
      left = (left - here) / size;
      return here;
    }).toReversed();
    const [item = 0, ...others] = at;
    let place: number | null = item;
    for (const axis of [0, 1, 2] as const) {
      const [tap = 0, output = 0] = [others[axis], others[3 + axis]];
      const position = output * g.stride[axis] + tap * g.dilation[axis] - g.padBegin[axis];
      const isInside = position >= 0 && position < g.input[axis];
      place = place === null || !isInside ? null : place * g.input[axis] + position;
    }
    each(index, place);
  }
}

/** What unfolding makes of an input of one channel; the geometry is that of the convolution. */
export function unfolded(g: Geometry, input: Float32Array): Float32Array {
  const taps = g.kernel.reduce((a, b) => a * b, 1);
  const output = new Float32Array(g.output.reduce((a, b) => a * b, g.batch * taps));
  eachSeen(g, (index, place) => {
    output[index] = place === null ? 0 : input[place] ?? NaN;
  });
  return output;
}

/** What folding makes of an array; the geometry is that of the convolution that unfolds. */
export function folded(g: Geometry, blocks: Float32Array): Float32Array {
  const output = new Float32Array(g.input.reduce((a, b) => a * b, g.batch));
  eachSeen(g, (index, place) => {
    if (place !== null) output[place] = (output[place] ?? 0) + (blocks[index] ?? NaN);
  });
  return output;
}
