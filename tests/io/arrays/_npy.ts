/** A `.npy` file as it would be with this header and data. */
export function makeNpy(
  header: string,
  data: ArrayLike<number> = [],
  version: readonly [major: number, minor: number] = [1, 0],
): Uint8Array {
  const text = new TextEncoder().encode(header);
  const lengthBytes = version[0] === 1 ? 2 : 4;
  const bytes = new Uint8Array(8 + lengthBytes + text.length + data.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, ...version]);
  const view = new DataView(bytes.buffer);
  if (lengthBytes === 2) view.setUint16(8, text.length, true);
  else view.setUint32(8, text.length, true);
  bytes.set(text, 8 + lengthBytes);
  bytes.set(data, 8 + lengthBytes + text.length);
  return bytes;
}

/** A header as NumPy writes it; the values are Python. */
export function headerOf(descr: string, shape: string, fortran = "False"): string {
  return `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;
}

/** An integer of two's complement in so many bytes, the lowest first. */
export function integerBytes(value: bigint, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, index) => Number(value >> BigInt(8 * index) & 255n));
}
