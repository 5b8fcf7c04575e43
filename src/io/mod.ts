/**
 * The files that weights, arrays, pictures and sounds come in. `decode...` makes tensors of bytes and `encode...` bytes of
 * tensors, in every runtime; `read...` and `write...` do it with files by their paths, in Deno, and a file that is written
 * is replaced in one step. Nothing in a file is believed before it is checked, and nothing of it is ever run: what is
 * wrong is a `SyntaxError` of one line, or a {@linkcode FileError} that names the file.
 *
 * | file | what it becomes |
 * | --- | --- |
 * | `.safetensors`, PyTorch's `.pt` and `.pth`, NumPy's `.npz` | tensors by name, as `layer.loadStateDict()` takes them |
 * | NumPy's `.npy` | a tensor |
 * | PNG, JPEG | a tensor `(C, H, W)` of values from 0 to 1 |
 * | WAV | a tensor `(channels, samples)` of values from -1 to 1, and the sample rate |
 *
 * @example
 * ```ts
 * import { Conv2d, Tensor } from "@tileconv/conv";
 * import { decodeSafetensors, encodeSafetensors } from "@tileconv/conv/files";
 * import { assertEquals } from "@std/assert";
 *
 * const trained = new Conv2d(3, 16, 3);
 * const bytes = encodeSafetensors(trained.stateDict(), { dtype: "float16" });
 * const layer = new Conv2d(3, 16, 3);
 * layer.loadStateDict(decodeSafetensors(bytes));
 * const output = await layer.forward(Tensor.randn([1, 3, 8, 8]));
 * assertEquals(output.shape, [1, 16, 6, 6]);
 * ```
 *
 * @module
 */

export { FileError } from "./files.ts";
export type { UnpackOptions } from "./memory_budget.ts";
export type { TensorDict } from "./arrays/dict.ts";
export type { FloatType } from "./arrays/floats.ts";
export {
  decodeSafetensors,
  decodeSafetensorsMetadata,
  encodeSafetensors,
  readSafetensors,
  type SafetensorsOptions,
  writeSafetensors,
} from "./arrays/safetensors.ts";
export { decodeTorch, readTorch } from "./arrays/torch/decode.ts";
export { encodeTorch, type TorchOptions, writeTorch } from "./arrays/torch/encode.ts";
export { decodeNpz, encodeNpz, readNpz, writeNpz } from "./arrays/npz.ts";
export { decodeNpy, encodeNpy, readNpy, writeNpy } from "./arrays/npy.ts";
export { decodeTensors, readTensors } from "./arrays/tensors.ts";
export type { DecodedPicture, Picture, PictureOptions } from "./pictures/picture.ts";
export { decodePng, encodePng, readPng, writePng } from "./pictures/png.ts";
export { decodeJpeg, encodeJpeg, type JpegOptions, readJpeg, writeJpeg } from "./pictures/jpeg.ts";
export {
  type DecodedSound,
  decodeWav,
  encodeWav,
  readWav,
  type Sound,
  type WavOptions,
  writeWav,
} from "./sound/wav.ts";
