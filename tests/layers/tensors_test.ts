import { assert, assertEquals } from "@std/assert";
import { Conv1d, convSync, Tensor } from "../../mod.ts";

Deno.test("Tensor.data is, to the compiler too, over an ArrayBuffer or over what the tensor was made of", async () => {
  const layer = new Conv1d(1, 1, 1);
  const own: Float32Array<ArrayBuffer>[] = [
    Tensor.zeros([2]).data,
    Tensor.from([1, 2]).reshape([2, 1]).data,
    new Tensor([1, 2], [2]).data,
    layer.weight.data,
    (await layer.forward(Tensor.ones([1, 2]))).data,
    layer.forwardSync(Tensor.ones([1, 2])).data,
    convSync(Tensor.ones([1, 2]), Tensor.ones([1, 1, 1])).data,
  ];
  for (const { buffer } of own) assert(buffer instanceof ArrayBuffer);
  const shared = new Tensor(new Float32Array(new SharedArrayBuffer(8)), [1, 2]);
  const results: Float32Array<SharedArrayBuffer>[] = [
    shared.data,
    (await layer.forward(shared, { out: shared })).data,
    convSync(shared, Tensor.ones([1, 1, 1]), null, { out: shared }).data,
  ];
  for (const { buffer } of results) assert(buffer instanceof SharedArrayBuffer);
});

Deno.test("Tensor and Parameter are written to JSON as their shapes and values", () => {
  const tensor = new Tensor([1, 0.5, NaN, Infinity], [2, 2]);
  assertEquals(JSON.stringify({ tensor }), '{"tensor":{"shape":[2,2],"data":[1,0.5,null,null]}}');
  assertEquals(JSON.stringify(Tensor.zeros([0, 3])), '{"shape":[0,3],"data":[]}');
  const layer = new Conv1d(1, 1, 2, { bias: false });
  layer.weight.data.set([3, 4]);
  assertEquals(JSON.stringify(layer.stateDict()), '{"weight":{"shape":[1,1,2],"data":[3,4]}}');
  assertEquals(JSON.stringify(layer.weight), '{"shape":[1,1,2],"data":[3,4]}');
});
