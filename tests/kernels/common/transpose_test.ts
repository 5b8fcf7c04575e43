import { assert, assertEquals } from "@std/assert";
import { interpret } from "../../../src/codegen/interpret.ts";
import { FLOAT_BYTES, ProgramBuilder } from "../../../src/codegen/program.ts";
import { AVX2_TARGET, AVX512_TARGET, WASM_TARGET } from "../../../src/codegen/target.ts";
import { range } from "../../../src/base/numbers.ts";
import { transpose, transposeRegisters } from "../../../src/kernels/common/transpose.ts";
import { liveRegisters } from "../../_live_registers.ts";

for (const { name, lanes } of [WASM_TARGET, AVX2_TARGET, AVX512_TARGET]) {
  Deno.test(`transpose() makes columns of any number of rows of ${name}`, () => {
    for (const count of range(lanes).map((i) => i + 1)) {
      const code = new ProgramBuilder("transpose", lanes, 2);
      const rows = code.registers(count);
      rows.forEach((row, i) => code.load(row, 0, i * lanes * FLOAT_BYTES));
      const seen = new Set<number>();
      transpose(code, rows, (column, index) => {
        seen.add(index);
        code.store(column, 1, index * count * FLOAT_BYTES, count);
        // As what finishes outputs does: nothing else may depend on the register.
        code.zero(column);
      });
      assertEquals([...seen].sort((a, b) => a - b), range(lanes));
      const input = Float32Array.from({ length: count * lanes }, (_, i) => i);
      const output = new Float32Array(lanes * count).fill(NaN);
      const program = code.build();
      interpret(program, [
        { region: { name: "rows", data: input, writable: false }, offset: 0 },
        { region: { name: "columns", data: output, writable: true }, offset: 0 },
      ]);
      const expected = range(lanes * count).map((i) => i % count * lanes + Math.floor(i / count));
      assertEquals([...output], expected);
      assert(liveRegisters(program) <= count + transposeRegisters(count), `${count} rows`);
    }
  });
}
