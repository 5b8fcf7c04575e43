/**
 * A module of somebody who uses every entry point. Its results are exact, as all numbers are small and whole; of what
 * two threads compute it says whether it is what one computes.
 */
export const USER_MODULE = `
import { Conv2d, convSync, Engine, Tensor } from "@tileconv/conv";
import { decodeNpy, decodePng, encodeNpy, encodePng } from "@tileconv/conv/files";
import { fromOnnx, toOnnx } from "@tileconv/conv/onnx";
import { meanSquaredError, Tape } from "@tileconv/conv/train";

export async function compute() {
  const layer = new Conv2d(1, 1, 2);
  layer.loadStateDict({
    weight: Tensor.from([[[[1, 2], [3, 4]]]]),
    bias: Tensor.from([5]),
  });
  const input = Tensor.from([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]);
  const async = await layer.forward(input);
  const sync = layer.forwardSync(input);

  const { output } = fromOnnx(toOnnx([layer])).forwardSync(input.reshape([1, 1, 3, 3]));
  const picture = await encodePng({ pixels: Tensor.full([3, 4, 5], 1), bitDepth: 8 });

  const tape = new Tape();
  const recorded = tape.forwardSync(layer, input);
  const { loss, gradient } = meanSquaredError(recorded, Tensor.zeros([1, 2, 2]));
  tape.backwardSync(recorded, gradient);

  const images = Tensor.randn([2, 16, 40, 40], { seed: 1 });
  const weight = Tensor.randn([32, 16, 3, 3], { seed: 2 });
  const one = new Engine({ threads: 1 });
  const two = new Engine({ threads: 2 });
  await two.ready;
  const [a, b] = [one, two].map((engine) => convSync(images, weight, null, { engine }).data.join());
  const { threads } = two;
  one.close();
  two.close();

  return {
    async: [...async.data],
    sync: [...sync.data],
    onnx: [...output?.data ?? []],
    npy: decodeNpy(encodeNpy(input)).shape,
    png: decodePng(picture).pixels.shape,
    loss,
    gradient: [...layer.bias?.grad?.data ?? []],
    threads,
    same: a === b,
  };
}
`;

const OUTPUT = [42, 52, 72, 82];

/** What it computes. */
export const RESULTS: Readonly<Record<string, unknown>> = {
  async: OUTPUT,
  sync: OUTPUT,
  onnx: OUTPUT,
  npy: [1, 3, 3],
  png: [3, 4, 5],
  loss: 4094,
  gradient: [124],
  threads: 2,
  same: true,
};
