import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Parameter } from "../../src/layers/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

Deno.test("Parameter shares the values of its tensor", () => {
  const tensor = Tensor.from([[1, 2], [3, 4]]);
  const parameter = new Parameter(tensor);
  assertStrictEquals(parameter.data, tensor.data);
  assertEquals(parameter.shape, [2, 2]);
  assertEquals(parameter.size, 4);
  assertEquals(parameter.grad, null);
});

Deno.test("Parameter does not let its array be replaced", () => {
  const parameter = new Parameter(Tensor.from([1]));
  assertThrows(() => Object.assign(parameter, { data: new Float32Array(1) }), TypeError);
});

Deno.test("Deno.inspect() shows a parameter's shape and values", () => {
  assertEquals(Deno.inspect(new Parameter(Tensor.from([1, 2]))), "Parameter [2]\n[1, 2]");
});
