/**
 * Files that were made to do harm. What they claim is checked before room is made for it: claims here are larger
 * than any array, so that who believes them fails in another way.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { decodeOnnx } from "../../../../src/io/models/onnx/decode.ts";
import { bytes, float, initializer, int, join, model, node, OPSET } from "./_wire.ts";
import { tag, text, value, varint } from "./_wire.ts";

/** Refused in one line that says where, and in which nothing can be hidden. */
function assertRefused(file: Uint8Array, reason: string): void {
  const { message } = assertThrows(() => decodeOnnx(file), SyntaxError, reason);
  assert(/^its? [^\p{C}\p{Zl}\p{Zp}]{1,400}$/u.test(message), message);
}

const X = value(11, "x");
const Y = value(12, "y");
const ATTRIBUTES = [
  join(text(1, "a"), float(2, 0.5), int(20, 1)),
  join(text(1, "b"), int(8, -1), bytes(8, varint(300), varint(1)), int(20, 7)),
  join(text(1, "c"), text(4, "größe"), int(20, 3)),
];
const TENSORS = [
  initializer("raw", [2, 1], 1, bytes(9, new Uint8Array(8))),
  initializer("numbers", [3], 7, bytes(7, varint(-1), varint(300)), int(7, 5)),
  initializer("half", [1], 10, int(5, 0x3c00)),
];
const FILE = model(
  text(2, "graph"),
  value(11, "x", int(1, 3), text(2, "batch")),
  Y,
  node("Conv", ["x", "raw"], ["y"], ...ATTRIBUTES),
  ...TENSORS,
);

Deno.test("decodeOnnx() refuses a file that ends early, wherever it does", () => {
  decodeOnnx(FILE);
  for (let length = 0; length < FILE.length; length++) assertRefused(FILE.subarray(0, length), "");
});

Deno.test("decodeOnnx() reads or refuses a file of which any one byte is another", () => {
  let accepted = 0;
  for (let at = 0; at < FILE.length; at++) {
    for (const byte of [0, 1, 0x7f, 0x80, 0xff, (FILE[at] ?? 0) ^ 1, (FILE[at] ?? 0) + 1]) {
      const file = FILE.slice();
      file[at] = byte;
      try {
        decodeOnnx(file);
        accepted++;
      } catch (error) {
        assert(
          error instanceof SyntaxError && /^its? /.test(error.message),
          `${error}`,
        );
      }
    }
  }
  assert(accepted > 0);
});

Deno.test("decodeOnnx() refuses lengths beyond what is there, of every message", () => {
  const claims = [128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53, 2n ** 63n, 2n ** 64n - 1n];
  for (const claim of claims) {
    const tooLong = (field: number) => join(tag(field, 2), varint(claim));
    for (const field of [2, 7, 8, 25, 99]) {
      assertRefused(join(int(1, 8), tooLong(field)), "it ends early");
    }
    for (const field of [1, 2, 5, 11, 12, 13]) {
      assertRefused(model(tooLong(field)), "graph ends early");
    }
    assertRefused(model(bytes(1, text(4, "A"), tooLong(1))), "graph.node[0] ends early");
    assertRefused(model(node("A", [], [], tooLong(4))), "graph.node[0].attribute[0] ends early");
    assertRefused(model(initializer("w", [1], 1, tooLong(9))), "graph.initializer[0] ends early");
    assertRefused(model(bytes(11, tooLong(2))), "graph.input[0] ends early");
  }
  assertRefused(
    model(tag(1, 2), varint(2 ** 31)),
    "its field 1 at byte 4 takes 2147483648 bytes, but 0 are left",
  );
});

Deno.test("decodeOnnx() refuses numbers that are cut off", () => {
  assertRefused(join(int(1, 8), tag(99, 5), new Uint8Array(3)), "takes 4 bytes, but 3 are left");
  assertRefused(join(int(1, 8), tag(99, 1), new Uint8Array(7)), "takes 8 bytes, but 7 are left");
  assertRefused(
    join(tag(1, 0), Uint8Array.of(0x80, 0x80)),
    "ends early at byte 3, inside a varint",
  );
  // The varint goes on behind the end of its message.
  assertRefused(
    model(bytes(5, tag(1, 0), Uint8Array.of(0x80)), bytes(2)),
    "graph.initializer[0] ends early",
  );
});

Deno.test("decodeOnnx() refuses varints of more than 64 bits, and takes those that are longer than they need be", () => {
  const long = (...last: number[]) => Uint8Array.of(...new Array(9).fill(0xff), ...last);
  const zeros = (count: number, last: number) =>
    Uint8Array.of(...new Array(count).fill(0x80), last);
  for (const wrong of [long(0x02), long(0x7f), long(0xff, 0x01), zeros(10, 1), zeros(1000, 1)]) {
    assertRefused(join(tag(1, 0), wrong), "has a varint of more than 64 bits at byte 1");
    assertRefused(join(tag(2, 2), wrong), "has a varint of more than 64 bits");
    assertRefused(model(initializer("w", [1], 7, bytes(7, wrong))), "more than 64 bits");
  }
  const seven = join(
    text(1, "a"),
    tag(3, 0),
    Uint8Array.of(0x87, 0x80, 0x80, 0x80, 0x80, 0x80, 0),
    int(20, 2),
  );
  const { graph } = decodeOnnx(model(X, Y, node("A", ["x"], ["y"], seven)));
  assertEquals(graph.nodes[0]?.attributes.get("a"), { kind: "int", value: 7 });
});

Deno.test("decodeOnnx() refuses groups, unknown wire types and fields without a number", () => {
  for (const wire of [3, 4, 6, 7]) {
    for (const field of [1, 7, 99]) {
      assertRefused(
        join(tag(field, wire), int(1, 8)),
        `has a field ${field} of wire type ${wire} at byte 0`,
      );
    }
    assertRefused(
      model(node("A", [], [], tag(50, wire))),
      "graph.node[0].attribute[0] has a field 50",
    );
  }
  for (const field of [0, 2 ** 29, 2 ** 40]) {
    assertRefused(
      join(int(1, 8), varint(BigInt(field) * 8n)),
      `has a field of number ${field} at byte 2`,
    );
  }
});

Deno.test("decodeOnnx() refuses fields that it knows of another wire type", () => {
  assertRefused(
    bytes(1),
    "it has ir_version as a length with bytes, where a varint is expected",
  );
  assertRefused(int(7, 1), "has graph as a varint, where a length with bytes is expected");
  assertRefused(
    model(float(1, 1)),
    "has node[0] as 4 bytes, where a length with bytes is expected",
  );
  assertRefused(model(int(2, 1)), "graph has name as a varint");
  assertRefused(model(bytes(1, int(4, 1))), "graph.node[0] has op_type as a varint");
  const tensor = (...parts: readonly Uint8Array[]) => model(bytes(5, ...parts));
  assertRefused(tensor(float(1, 1), int(2, 1)), "has dims as 4 bytes");
  assertRefused(tensor(bytes(2)), "has data_type as a length with bytes");
  assertRefused(tensor(int(9, 1)), "has raw_data as a varint");
  assertRefused(tensor(int(2, 1), int(1, 1), int(4, 1)), "has float_data as a varint");
  assertRefused(tensor(int(2, 7), int(1, 1), float(7, 1)), "has int64_data as 4 bytes");
  const attribute = (...parts: readonly Uint8Array[]) =>
    model(node("A", [], [], join(text(1, "a"), ...parts)));
  assertRefused(attribute(int(2, 1)), "has f as a varint, where 4 bytes is expected");
  assertRefused(attribute(float(3, 1)), "has i as 4 bytes, where a varint is expected");
  assertRefused(attribute(int(5, 1)), "has t as a varint");
  assertRefused(attribute(int(7, 1)), "has floats as a varint");
  assertRefused(attribute(float(8, 1)), "has ints as 4 bytes");
  assertRefused(attribute(bytes(20)), "has type as a length with bytes");
});

Deno.test("decodeOnnx() refuses texts that are not UTF-8", () => {
  const wrong = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82], [0xf5, 0x80, 0x80, 0x80], [
    0x61,
    0x80,
  ]];
  for (const list of wrong) {
    const name = (field: number) => bytes(field, Uint8Array.from(list));
    assertRefused(model(name(2)), "graph has name as a text that is not UTF-8");
    for (const field of [1, 2, 3, 4, 7]) {
      assertRefused(model(bytes(1, name(field))), "is not UTF-8");
    }
    assertRefused(
      model(bytes(5, name(8))),
      "graph.initializer[0] has name as a text that is not UTF-8",
    );
    assertRefused(
      model(value(11, "x", name(2))),
      "dim[0] has dim_param as a text that is not UTF-8",
    );
    assertRefused(
      model(node("A", [], [], join(text(1, "a"), name(4)))),
      "has s as a text that is not UTF-8",
    );
    assertRefused(
      model(node("A", [], [], join(text(1, "a"), name(9)))),
      "has strings as a text that is not UTF-8",
    );
    assertRefused(
      join(int(1, 8), bytes(8, name(1))),
      "opset_import[0] has domain as a text that is not UTF-8",
    );
  }
});

Deno.test("decodeOnnx() shows no names that break a line or speak to a terminal", () => {
  for (const name of ["a\nb", "\x1b[2J", "\u202e", "\u2028", "n".repeat(5000)]) {
    assertRefused(model(X, node("A", [name], [])), "takes");
    assertRefused(model(X, node(name, ["z"], [])), "which nothing gives");
    assertRefused(model(initializer(name, [2], 1)), "takes 2 elements");
    assertRefused(join(model(X), bytes(8, text(1, name))), "says no version");
    assertRefused(model(node("A", [], [], join(text(1, name), int(20, 4)))), "that is missing");
  }
});

/** A message in a message, and so on. */
function nested(field: number, depth: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let i = 0; i < depth; i++) {
    const head = join(tag(field, 2), varint(length));
    parts.push(head);
    length += head.length;
  }
  return join(...parts.toReversed());
}

Deno.test("decodeOnnx() does not go down into messages of any depth", () => {
  const deep = nested(6, 50_000);
  const graph = join(text(1, "body"), bytes(6, deep), int(20, 5));
  const read = decodeOnnx(join(model(X, Y, node("Loop", ["x"], ["y"], graph)), bytes(99, deep)));
  assertEquals(read.graph.nodes[0]?.attributes.get("body"), { kind: "other" });
  for (const field of [1, 2, 4, 5, 7, 9]) {
    const inside = bytes(2, nested(field, 50_000));
    assertThrows(
      () => decodeOnnx(model(bytes(11, text(1, "x"), inside))),
      SyntaxError,
      "graph.input[0]",
    );
  }
});

/** The same bytes so many times. */
function repeated(part: Uint8Array, count: number): Uint8Array {
  const result = new Uint8Array(part.length * count);
  for (let at = 0; at < result.length; at += part.length) result.set(part, at);
  return result;
}

Deno.test("decodeOnnx() refuses more messages and texts than any model has", () => {
  const opsets = repeated(OPSET, 2 ** 19 + 1);
  assertRefused(join(int(1, 8), opsets), "one of more than 524288 messages in the file");
  const texts = repeated(text(1, ""), 2 ** 20 + 1);
  assertRefused(model(bytes(1, texts)), "has input, one of more than 1048576 texts in the file");
});

/** A field of so many bytes, all the same. */
function long(field: number, length: number, byte: number): Uint8Array {
  return bytes(field, new Uint8Array(length).fill(byte));
}

Deno.test("decodeOnnx() refuses texts and lists that are longer than any that are meant", () => {
  const refused = [
    [long(4, 2 ** 24 + 1, 0x61), "has s of 16.0 MiB, more than the 16.0 MiB"],
    [long(8, 2 ** 24 + 1, 1), "is a list of more than 16777216 values"],
    [long(7, 2 ** 26 + 4, 0), "is a list of more than 16777216 values"],
  ] as const;
  for (const [content, reason] of refused) {
    assertRefused(model(node("A", [], [], join(text(1, "a"), content))), reason);
  }
});

Deno.test("decodeOnnx() does not count shapes whose sizes are too many to multiply", () => {
  const sizes = (size: bigint, count: number) => new Array<bigint>(count).fill(size);
  const largest = 2n ** 53n - 1n;
  for (const shape of [sizes(largest, 2), sizes(largest, 64), sizes(2n, 64), sizes(65536n, 4)]) {
    assertRefused(
      model(initializer("w", shape, 1, bytes(9, new Uint8Array(4)))),
      "has more than 2^53 elements",
    );
  }
  for (const type of [1, 2, 7, 9, 10, 11]) {
    assertRefused(model(initializer("w", [2 ** 50], type)), "takes 1125899906842624 elements");
    assertRefused(
      model(initializer("w", [2 ** 50], type, bytes(9, Uint8Array.of(1)))),
      "but its raw_data has 1",
    );
  }
  assertRefused(join(OPSET, bytes(7, bytes(5, int(2, 1), long(1, 100_000, 1)))), "has 100000 axes");
});
