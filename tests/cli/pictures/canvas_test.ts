import { assertEquals } from "@std/assert";
import { magnify } from "../../../src/cli/pictures/canvas.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";

Deno.test("magnify() makes a square of each pixel", () => {
  const picture = Tensor.from([[[1, 2]], [[3, 4]]]);
  const large = magnify(picture, 2);
  assertEquals(large.shape, [2, 2, 4]);
  assertEquals([...large.data], [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
  assertEquals(magnify(picture, 1).data, picture.data);
});
