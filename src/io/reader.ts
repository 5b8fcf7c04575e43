/** Reads numbers and texts from bytes, front to back; what says how long the next part is cannot lead out of them. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #where: string;
  #position: number;

  /**
   * @param bytes What is read.
   * @param where What the bytes are, for the error message, such as `its header`.
   * @param position Where to begin.
   */
  constructor(bytes: Uint8Array, where: string, position = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#where = where;
    this.#position = position;
  }

  /** Where the next part begins. */
  get position(): number {
    return this.#position;
  }

  /** The bytes that are left. */
  get left(): number {
    return this.#bytes.length - this.#position;
  }

  /** Steps over a part. */
  skip(length: number): number {
    if (length > this.left) {
      throw new SyntaxError(
        `it ends early, inside ${this.#where}: ${length} bytes should follow byte ` +
          `${this.#position}, but ${this.left} do`,
      );
    }
    const at = this.#position;
    this.#position += length;
    return at;
  }

  /** The next bytes, not copied. */
  take(length: number): Uint8Array {
    const at = this.skip(length);
    return this.#bytes.subarray(at, at + length);
  }

  uint8(): number {
    return this.#view.getUint8(this.skip(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.skip(2), true);
  }

  int32(): number {
    return this.#view.getInt32(this.skip(4), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  /** A number of eight bytes; what is beyond 2^53 comes rounded, and is more than anything that is there. */
  uint64(): number {
    return Number(this.#view.getBigUint64(this.skip(8), true));
  }

  /** A float64, its highest byte first. */
  float64BigEndian(): number {
    return this.#view.getFloat64(this.skip(8));
  }
}
