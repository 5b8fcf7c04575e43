/** A kind of file, by the bytes that all files of the kind have in the same place. */
interface Kind {
  /** In a sentence: "it is ...". */
  readonly name: string;
  readonly offset: number;
  readonly bytes: string;
}

/** What is found under the wrong name, the more certain first. */
const KINDS: readonly Kind[] = [
  { name: "a PNG file", offset: 0, bytes: "\x89PNG\r\n\x1a\n" },
  { name: "a .npy file", offset: 0, bytes: "\x93NUMPY" },
  { name: "a JPEG picture", offset: 0, bytes: "\xff\xd8\xff" },
  { name: "a GIF picture", offset: 0, bytes: "GIF8" },
  { name: "a WebP picture", offset: 8, bytes: "WEBP" },
  { name: "an AVIF picture", offset: 4, bytes: "ftypavif" },
  { name: "a HEIC picture", offset: 4, bytes: "ftyphei" },
  { name: "a HEIC picture", offset: 4, bytes: "ftypmif1" },
  { name: "a JPEG XL picture", offset: 0, bytes: "\xff\x0a" },
  { name: "a TIFF picture", offset: 0, bytes: "II*\0" },
  { name: "a TIFF picture", offset: 0, bytes: "MM\0*" },
  { name: "an SVG drawing", offset: 0, bytes: "<svg" },
  { name: "a WAV sound", offset: 8, bytes: "WAVE" },
  { name: "an HTML page", offset: 0, bytes: "<!doctype html" },
  { name: "an HTML page", offset: 0, bytes: "<html" },
  { name: "an XML file", offset: 0, bytes: "<?xml" },
  { name: "a PDF file", offset: 0, bytes: "%PDF" },
  { name: "a ZIP archive, as .npz and .pt files are", offset: 0, bytes: "PK\x03\x04" },
  { name: "a gzip file", offset: 0, bytes: "\x1f\x8b" },
  { name: "an HDF5 file", offset: 0, bytes: "\x89HDF" },
  { name: "a file of PyTorch", offset: 0, bytes: "\x80\x02\x8a\x0al\xfc\x9cF" },
  { name: "a .safetensors file", offset: 8, bytes: '{"' },
  { name: "a BMP picture", offset: 0, bytes: "BM" },
];

/** As many bytes as tell what a file is. */
const KIND_BYTES = Math.max(
  ...KINDS.map(({ offset, bytes }) => offset + bytes.length),
);

/**
 * What a file is that begins with some bytes: what is said of one that has the wrong name.
 *
 * @returns Its kind with an article, such as `a JPEG picture`, or `undefined` if it is none of those known here.
 */
export function kindOf(start: Uint8Array): string | undefined {
  const text = String.fromCharCode(...start.subarray(0, KIND_BYTES)).toLowerCase();
  return KINDS.find(({ offset, bytes }) => text.startsWith(bytes.toLowerCase(), offset))?.name;
}
