/**
 * What a WAV file says of its samples: the chunk `fmt `, and the forms of samples that are read.
 *
 * @module
 */

import { quoted } from "../quoted.ts";
import { ByteReader } from "../reader.ts";

/** How one sample is stored, and what it is worth. */
export interface SampleType {
  /** As arrays of such numbers are called. */
  readonly name: string;
  readonly bytes: number;
  /** Reads a sample as a number from -1 to 1; floats are as they are. */
  read(view: DataView, at: number): number;
}

/** What the chunk says, checked. */
export interface WavFormat {
  readonly channels: number;
  /** Samples a second of each channel. */
  readonly sampleRate: number;
  readonly type: SampleType;
}

/** The numbers of the forms. */
export const INTEGER = 1;
export const FLOAT = 3;
const EXTENSIBLE = 0xfffe;

/** Integers of one byte are not signed: 128 is silence. */
const INTEGERS: ReadonlyMap<number, SampleType> = new Map<number, SampleType>([
  [8, { name: "uint8", bytes: 1, read: (view, at) => (view.getUint8(at) - 128) / 2 ** 7 }],
  [16, { name: "int16", bytes: 2, read: (view, at) => view.getInt16(at, true) / 2 ** 15 }],
  [24, {
    name: "int24",
    bytes: 3,
    read: (view, at) => (view.getInt16(at + 1, true) * 256 + view.getUint8(at)) / 2 ** 23,
  }],
  [32, { name: "int32", bytes: 4, read: (view, at) => view.getInt32(at, true) / 2 ** 31 }],
]);

const FLOATS: ReadonlyMap<number, SampleType> = new Map<number, SampleType>([
  [32, { name: "float32", bytes: 4, read: (view, at) => view.getFloat32(at, true) }],
  [64, { name: "float64", bytes: 8, read: (view, at) => view.getFloat64(at, true) }],
]);

/** What is found in WAV files besides plain samples. */
const OTHER_FORMS: ReadonlyMap<number, string> = new Map([
  [2, "ADPCM"],
  [6, "A-law"],
  [7, "mu-law"],
  [0x11, "IMA ADPCM"],
  [0x31, "GSM 6.10"],
  [0x55, "MP3"],
  [0xff, "AAC"],
]);

/** The last 14 bytes of the identifiers in which a form of two bytes is written out. */
const EXTENSIBLE_TAIL = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

/** Behind the plain part of an extensible format: its length, valid bits, speakers and the form. */
const EXTENSION_BYTES = 24;

/**
 * Reads the chunk `fmt `.
 *
 * @param bytes Its data.
 * @throws {SyntaxError} If it is damaged, or the samples are of another form.
 */
export function readFormat(bytes: Uint8Array): WavFormat {
  const reader = new ByteReader(bytes, 'its part "fmt "');
  const form = reader.uint16();
  const channels = reader.uint16();
  const sampleRate = reader.uint32();
  reader.skip(4);
  const frameBytes = reader.uint16();
  const bits = reader.uint16();
  const type = typeOf(form === EXTENSIBLE ? readExtension(reader) : form, bits);
  if (channels === 0 || sampleRate === 0) {
    throw damagedWav(`it has ${channels} channels of ${sampleRate} samples a second`);
  }
  if (frameBytes !== channels * type.bytes) {
    throw damagedWav(
      `${channels} samples of ${bits} bits take ${channels * type.bytes} bytes, but it says ` +
        `${frameBytes}`,
    );
  }
  return { channels, sampleRate, type };
}

/** The form in an extensible format. Of the bits that count the highest come first, so that the value is the same. */
function readExtension(reader: ByteReader): number {
  const extension = new ByteReader(reader.take(EXTENSION_BYTES), 'its part "fmt "', 8);
  const form = extension.uint16();
  const tail = extension.take(EXTENSIBLE_TAIL.length);
  if (EXTENSIBLE_TAIL.some((byte, index) => byte !== tail[index])) {
    throw new SyntaxError("it is a WAV sound of a form that only its writer knows");
  }
  return form;
}

function typeOf(form: number, bits: number): SampleType {
  const types = form === INTEGER ? INTEGERS : form === FLOAT ? FLOATS : null;
  if (types === null) {
    const name = OTHER_FORMS.get(form) ?? `form ${form}`;
    throw new SyntaxError(
      `it is a WAV sound in ${quoted(name)}; expected integers or floats, not compressed`,
    );
  }
  const type = types.get(bits);
  if (type !== undefined) return type;
  throw new SyntaxError(
    `it has samples of ${bits} bits; expected ${[...INTEGERS.keys()].join(", ")} of integers or ` +
      `${[...FLOATS.keys()].join(", ")} of floats`,
  );
}

/** An error of a file that is a WAV file, but not a right one. */
export function damagedWav(reason: string): SyntaxError {
  return new SyntaxError(`it is a damaged WAV file (${reason})`);
}
