import { assertEquals } from "@std/assert";
import { ProgramBuilder } from "../../../src/codegen/program.ts";
import { prefetching } from "../../../src/kernels/common/prefetch.ts";

Deno.test("prefetching() asks once for each line of a stream, however it is cut", () => {
  for (const step of [4, 64, 108, 200]) {
    const code = new ProgramBuilder("stream", 16, ["stream"]);
    const prefetch = prefetching(code, 0);
    const bytes = 10 * step;
    for (let end = step; end <= bytes; end += step) prefetch(end);
    const { body } = code.build();
    const offsets = body.map((one) => one.op === "prefetch" && one.ptr === 0 ? one.offset : NaN);
    const [first = 0] = offsets;
    assertEquals(offsets.length, Math.ceil(bytes / 64), `steps of ${step} bytes`);
    assertEquals(offsets, offsets.map((_, line) => first + 64 * line));
  }
});
