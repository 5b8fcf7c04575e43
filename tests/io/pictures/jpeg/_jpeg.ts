/** A segment: a marker, its length and its data. */
export function segment(
  marker: number,
  data: ArrayLike<number>,
  length = data.length + 2,
): number[] {
  return [0xff, marker, length >> 8, length & 255, ...Array.from(data)];
}

/** A file of these parts. */
export function jpegOf(...parts: readonly (readonly number[])[]): Uint8Array {
  return Uint8Array.from([0xff, 0xd8, ...parts.flat(), 0xff, 0xd9]);
}

/** What a header says; what is left out is right for a grey picture of 8 x 8 pixels. */
export interface Header {
  readonly marker?: number;
  readonly precision?: number;
  readonly width?: number;
  readonly height?: number;
  /** The number, samples and table of each component. */
  readonly components?: readonly (readonly [id: number, sampling: number, table: number])[];
}

/** The header of a picture. */
export function header(
  { marker = 0xc0, precision = 8, width = 8, height = 8, components = [[1, 0x11, 0]] }: Header = {},
): number[] {
  const size = [height >> 8, height & 255, width >> 8, width & 255];
  return segment(marker, [precision, ...size, components.length, ...components.flat()]);
}

/** A table by which coefficients are multiplied: 1 everywhere. */
export const QUANTIZATION: readonly number[] = segment(0xdb, [0, ...new Array(64).fill(1)]);

/** Codes of one bit: 0 is the value, 1 stands for nothing. */
export function huffman(table: number, value: number): number[] {
  return segment(0xc4, [table, 1, ...new Array(15).fill(0), value]);
}

/** The tables of a picture in which a bit 0 is a coefficient of 0, and the end of a block. */
export const TABLES: readonly number[] = [...QUANTIZATION, ...huffman(0, 0), ...huffman(0x10, 0)];

/** The header of a scan of these components. */
export function scan(
  components: readonly number[] = [1],
  band: readonly [from: number, to: number, bits: number] = [0, 63, 0],
): number[] {
  return segment(0xda, [components.length, ...components.flatMap((id) => [id, 0]), ...band]);
}

/** A grey picture of 8 x 8 pixels. */
export const GREY: Uint8Array = jpegOf(TABLES, header(), scan(), [0x3f]);
