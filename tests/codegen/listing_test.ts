import { assertEquals } from "@std/assert";
import { listBytes, listProgram } from "../../src/codegen/listing.ts";
import { ProgramBuilder } from "../../src/codegen/program.ts";

Deno.test("listProgram() writes every instruction on a line of its own", () => {
  const builder = new ProgramBuilder("every instruction", 4, 2);
  const [a, b, c] = [builder.register(), builder.register(), builder.register()];
  const moving = builder.pointer(0, 16);
  builder.zero(a);
  builder.constant(b, 0.5);
  builder.load(a, 0);
  builder.load(b, 0, 32, 3);
  builder.gather(c, 1, [0, 12, 8]);
  builder.broadcast(a, 1, -4);
  builder.lane(b, a, 2);
  builder.fma(c, a, b);
  builder.fmaOnce(c, a, b);
  builder.add(c, a, b);
  builder.sub(c, a, b);
  builder.mul(c, a, b);
  builder.div(c, a, b);
  builder.sqrt(c, a);
  builder.shift(c, a, 23);
  builder.max(c, a, b);
  builder.min(c, a, b);
  builder.select(c, a, b, c);
  builder.shuffle(c, a, b, [0, 4, 1, 5]);
  builder.copy(a, c);
  builder.point(moving, 1);
  builder.advance(moving, -16);
  builder.store(c, moving, 64);
  builder.scatter(c, 1, [4, 0]);
  assertEquals(listProgram(builder.build()).split("\n"), [
    "p2 = p0 + 16",
    "v0 = 0",
    "v1 = 0.5",
    "v0 = load 4 p0[0]",
    "v1 = load 3 p0[32]",
    "v2 = gather p1 [0 12 8]",
    "v0 = broadcast p1[-4]",
    "v1 = lane 2 of v0",
    "v2 += v0 * v1",
    "v2 += v0 * v1, rounded once",
    "v2 = v0 + v1",
    "v2 = v0 - v1",
    "v2 = v0 * v1",
    "v2 = v0 / v1",
    "v2 = sqrt v0",
    "v2 = v0 << 23",
    "v2 = max v0 v1",
    "v2 = min v0 v1",
    "v2 = select v0 v1 v2",
    "v2 = shuffle v0 v1 [0 4 1 5]",
    "v0 = v2",
    "p2 = p1 + 0",
    "p2 += -16",
    "store 4 p2[64] = v2",
    "scatter p1 [4 0] = v2",
  ]);
});

Deno.test("listProgram() indents what is repeated", () => {
  const builder = new ProgramBuilder("loops", 4, 1);
  const value = builder.register();
  builder.loop(3, () => {
    builder.zero(value);
    builder.loop(2, () => builder.store(value, 0));
  });
  builder.zero(value);
  assertEquals(
    listProgram(builder.build()),
    "loop 3\n  v0 = 0\n  loop 2\n    store 4 p0[0] = v0\nv0 = 0",
  );
});

Deno.test("listProgram() calls parameters by their names, and other pointers by their numbers", () => {
  const builder = new ProgramBuilder("names", 4, ["input", "output"]);
  const [value, moving] = [builder.register(), builder.pointer(0, 8)];
  builder.load(value, 0, 4);
  builder.gather(value, 0, [4, 0]);
  builder.broadcast(value, moving);
  builder.loop(2, () => builder.store(value, 1));
  builder.scatter(value, 1, [0, 8]);
  builder.advance(1, 16);
  builder.point(0, moving, -8);
  const program = builder.build();
  assertEquals(program.parameters, 2);
  assertEquals(listProgram(program).split("\n"), [
    "p2 = input + 8",
    "v0 = load 4 input[4]",
    "v0 = gather input [4 0]",
    "v0 = broadcast p2[0]",
    "loop 2",
    "  store 4 output[0] = v0",
    "scatter output [0 8] = v0",
    "output += 16",
    "input = p2 + -8",
  ]);
});

Deno.test("listBytes() writes 32 bytes a line, after the offset of the first", () => {
  assertEquals(listBytes(new Uint8Array()), "");
  assertEquals(listBytes(Uint8Array.of(0, 10, 255)), "000000  00 0a ff");
  const lines = listBytes(Uint8Array.from({ length: 65 }, (_, index) => index)).split("\n");
  assertEquals(lines.map((line) => line.slice(0, 11)), [
    "000000  00 ",
    "000020  20 ",
    "000040  40",
  ]);
  assertEquals(lines[0]?.endsWith(" 1f"), true);
});
