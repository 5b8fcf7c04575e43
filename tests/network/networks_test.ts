import { drawn } from "./_models.ts";
import { NETWORKS } from "./_networks.ts";
import { assertSameAsOracle, ENGINES } from "./_oracle.ts";

for (const [name, build] of Object.entries(NETWORKS)) {
  Deno.test(`${name} computes what it does in ONNX Runtime, in every batch and size`, async () => {
    const { model, shapes } = build();
    const calls = shapes.map((shape, i) => ({
      x: { shape, data: Float32Array.from(drawn(shape, i).data) },
    }));
    await assertSameAsOracle(model, calls, { engines: ENGINES, tolerance: 1e-4 });
  });
}
