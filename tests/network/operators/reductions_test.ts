import * as fc from "fast-check";
import { drawn, int, intList, ints } from "../_models.ts";
import { axesOf, compareSingles, given, known, shapes, type Single } from "./_single.ts";

/** The first version in which the axes are an input. */
const AXES_INPUT: Readonly<Record<string, number>> = {
  ReduceSum: 13,
  ReduceMean: 18,
  ReduceMax: 18,
  ReduceMin: 18,
  ReduceProd: 18,
  ReduceSumSquare: 18,
  ReduceL1: 18,
  ReduceL2: 18,
};

for (const [operator, since] of Object.entries(AXES_INPUT)) {
  Deno.test(`${operator} computes what ONNX Runtime does, whatever axes are said and how`, async () => {
    const singles = shapes(1, 5, 4).chain((shape) =>
      fc.record({
        opset: fc.constantFrom(7, 11, 12, 13, 17, 18, 20),
        shape: fc.constant(shape),
        axes: fc.option(axesOf(shape.length, 0)),
        keepsAxes: fc.option(fc.boolean()),
        isLeftIfEmpty: fc.option(fc.boolean()),
        seed: fc.nat(),
      })
    ).map(({ opset, shape, axes, keepsAxes, isLeftIfEmpty, seed }): Single => {
      const isInput = opset >= since;
      const x = given(drawn(shape, seed));
      // From the end only since version 11; an empty attribute is none.
      const stated = axes?.map((axis) => opset < 11 && axis < 0 ? axis + shape.length : axis) ??
        null;
      const hasAttribute = !isInput && stated !== null && stated.length > 0;
      // What is done where no axis is, is only said of the sum.
      const isEmpty = stated === null || stated.length === 0;
      return {
        operator,
        opset,
        inputs: isInput && stated !== null ? [x, known(ints(stated))] : [x],
        attributes: {
          ...(hasAttribute ? { axes: intList(stated ?? []) } : {}),
          ...(keepsAxes === null ? {} : { keepdims: int(Number(keepsAxes)) }),
          ...(!isInput || isLeftIfEmpty === null || isEmpty && operator !== "ReduceSum"
            ? {}
            : { noop_with_empty_axes: int(Number(isLeftIfEmpty)) }),
        },
      };
    });
    await compareSingles(singles, 40);
  });
}
