/** The bytes that are taken at once. */
const STEP = 8;

/**
 * The remainders of all bytes by the polynomial of CRC-32, its bits in reverse; then those of the same bytes with 1 to 7
 * zeros behind them, so that eight bytes are taken at once (Kounavis and Berry, "Novel table lookup-based algorithms for
 * high-performance CRC generation", 2008).
 */
const REMAINDERS = tables();

function tables(): Uint32Array {
  const remainders = new Uint32Array(256 * STEP);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder = remainder & 1 ? 0xedb88320 ^ (remainder >>> 1) : remainder >>> 1;
    }
    remainders[byte] = remainder;
  }
  for (let index = 256; index < remainders.length; index++) {
    const before = remainders[index - 256] ?? 0;
    remainders[index] = (remainders[before & 255] ?? 0) ^ (before >>> 8);
  }
  return remainders;
}

/** The remainder of a byte with so many zeros behind it. */
function look(zeros: number, byte: number): number {
  return REMAINDERS[256 * zeros + (byte & 255)] ?? 0;
}

/** The CRC-32 of some bytes, by which PNG chunks and the files in a ZIP archive are checked. */
export function crc32(bytes: Uint8Array): number {
  let remainder = ~0;
  let at = 0;
  for (; at + STEP <= bytes.length; at += STEP) {
    remainder ^= (bytes[at] ?? 0) | (bytes[at + 1] ?? 0) << 8 | (bytes[at + 2] ?? 0) << 16 |
      (bytes[at + 3] ?? 0) << 24;
    remainder = look(7, remainder) ^ look(6, remainder >>> 8) ^ look(5, remainder >>> 16) ^
      look(4, remainder >>> 24) ^ look(3, bytes[at + 4] ?? 0) ^ look(2, bytes[at + 5] ?? 0) ^
      look(1, bytes[at + 6] ?? 0) ^ look(0, bytes[at + 7] ?? 0);
  }
  for (; at < bytes.length; at++) {
    remainder = look(0, remainder ^ (bytes[at] ?? 0)) ^ (remainder >>> 8);
  }
  return ~remainder >>> 0;
}
