/** A `.safetensors` file as it would be with this header and these data. */
export function makeSafetensors(
  header: unknown,
  data: ArrayLike<number> = [],
  length?: bigint,
): Uint8Array {
  const text = new TextEncoder().encode(
    typeof header === "string" ? header : JSON.stringify(header),
  );
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

/** What a header says of a tensor. */
export function entry(
  dtype: unknown,
  shape: unknown,
  begin: unknown,
  end: unknown,
): Readonly<Record<string, unknown>> {
  return { dtype, shape, data_offsets: [begin, end] };
}
