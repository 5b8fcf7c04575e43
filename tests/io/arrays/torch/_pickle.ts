import { ByteWriter } from "../../../../src/io/writer.ts";
import { makeZip, type Member } from "../../zip/_zip.ts";

/** Instructions of the pickle machine, one behind the other: texts are themselves, numbers are bytes. */
export function pickleOf(...parts: readonly (string | number | Uint8Array)[]): Uint8Array {
  const bytes = new ByteWriter().uint8(0x80).uint8(2);
  for (const part of parts) {
    if (typeof part === "string") bytes.text(part);
    else if (typeof part === "number") bytes.uint8(part);
    else bytes.bytes(part);
  }
  return bytes.join();
}

/** Pushes a text. */
export function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return new ByteWriter().text("X").uint32(bytes.length).bytes(bytes).join();
}

/** Pushes an integer. */
export function integer(value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
  return new ByteWriter().uint8(0x8a).uint8(8).bytes(bytes).join();
}

/** Pushes a tuple of integers. */
export function tuple(...values: readonly (number | bigint)[]): Uint8Array {
  const bytes = new ByteWriter().text("(");
  for (const value of values) bytes.bytes(integer(value));
  return bytes.text("t").join();
}

/** What is said of a tensor; what is left out is right for two floats in storage "0". */
export interface TensorCall {
  readonly callee?: string;
  readonly storage?: string;
  readonly key?: string;
  readonly length?: number | bigint;
  readonly offset?: number | bigint;
  readonly size?: readonly (number | bigint)[];
  readonly stride?: readonly (number | bigint)[];
}

/** Pushes a tensor. */
export function tensor(call: TensorCall = {}): Uint8Array {
  const { callee = "_rebuild_tensor_v2", storage = "FloatStorage", key = "0", length = 2 } = call;
  const { offset = 0, size = [2], stride = [1] } = call;
  return new ByteWriter().text(`ctorch._utils\n${callee}\n((`).bytes(text("storage"))
    .text(`ctorch\n${storage}\n`).bytes(text(key)).bytes(text("cpu")).bytes(integer(length))
    .text("tQ").bytes(integer(offset)).bytes(tuple(...size)).bytes(tuple(...stride))
    .uint8(0x89).text("ccollections\nOrderedDict\n)RtR").join();
}

/** The dict of one tensor. */
export function dictOfTensor(call: TensorCall = {}): Uint8Array {
  return pickleOf("}(", text("x"), tensor(call), "u.");
}

/** The floats 1 and 2. */
export const FLOATS: Uint8Array = new Uint8Array(Float32Array.of(1, 2).buffer);

/** A file of PyTorch as it would be with this pickle. */
export function makeTorch(
  pickle: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = { 0: FLOATS },
  others: readonly Member[] = [],
): Uint8Array {
  return makeZip([
    { name: "archive/data.pkl", bytes: pickle },
    ...Object.entries(storages).map(([key, bytes]) => ({ name: `archive/data/${key}`, bytes })),
    ...others,
  ]);
}
