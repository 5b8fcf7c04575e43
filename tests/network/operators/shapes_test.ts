import * as fc from "fast-check";
import { product } from "../../../src/base/numbers.ts";
import {
  type Attributes,
  drawn,
  float,
  floatList,
  floats,
  int,
  intList,
  ints,
  modelOf,
  node,
  text,
} from "../_models.ts";
import { assertSameAsOracle } from "../_oracle.ts";
import {
  axesOf,
  compareModels,
  compareSingles,
  given,
  known,
  listOf,
  shapes,
  type Single,
} from "./_single.ts";

/** What stands for no end. */
const LARGEST = 2 ** 63;

Deno.test("Reshape computes what ONNX Runtime does", async () => {
  const singles = shapes(1, 4, 4).chain((shape) =>
    fc.record({
      opset: fc.constantFrom(7, 13, 14, 19),
      shape: fc.constant(shape),
      order: fc.shuffledSubarray(shape.map((_, axis) => axis), { minLength: shape.length }),
      open: fc.option(fc.nat(shape.length)),
      kept: fc.option(fc.nat(shape.length)),
      isJoined: fc.boolean(),
      seed: fc.nat(),
    })
  ).map(({ opset, shape, order, open, kept, isJoined, seed }): Single => {
    const sizes = order.map((axis) => shape[axis] ?? 1);
    const joined = isJoined ? [1, sizes.reduce((a, b) => a * b, 1)] : sizes;
    const stated = joined.map((size, axis) => {
      if (axis === open) return -1;
      return axis === kept && shape[axis] === size ? 0 : size;
    });
    return { operator: "Reshape", opset, inputs: [given(drawn(shape, seed)), known(ints(stated))] };
  });
  await compareSingles(singles, 60);
});

Deno.test("Reshape keeps an empty axis where allowzero is set", async () => {
  const singles = fc.constantFrom([3, 0], [0, 3], [0, 2, 5]).map((stated): Single => ({
    operator: "Reshape",
    opset: 14,
    inputs: [given(drawn([0, 3], 1)), known(ints(stated))],
    attributes: { allowzero: int(1) },
  }));
  await compareSingles(singles, 10);
});

Deno.test("Flatten computes what ONNX Runtime does", async () => {
  const singles = shapes(1, 4).chain((shape) =>
    fc.record({
      opset: fc.constantFrom(11, 13),
      shape: fc.constant(shape),
      axis: fc.option(fc.integer({ min: -shape.length, max: shape.length })),
    })
  ).map(({ opset, shape, axis }): Single => ({
    operator: "Flatten",
    opset,
    inputs: [given(drawn(shape, 1))],
    attributes: axis === null ? {} : { axis: int(axis) },
  }));
  await compareSingles(singles, 40);
});

Deno.test("Squeeze and Unsqueeze compute what ONNX Runtime does, with axes as an attribute or an input", async () => {
  const squeezed = shapes(1, 5, 2).chain((shape) => {
    const ones = shape.flatMap((size, axis) => size === 1 ? [axis] : []);
    return fc.record({
      opset: fc.constantFrom(7, 11, 13, 21),
      shape: fc.constant(shape),
      axes: fc.option(fc.shuffledSubarray(ones, { minLength: Math.min(1, ones.length) })),
      isFromEnd: fc.boolean(),
    });
  }).map(({ opset, shape, axes, isFromEnd }): Single =>
    withAxes(
      "Squeeze",
      opset,
      shape,
      axes?.map((axis) => isFromEnd && opset >= 11 ? axis - shape.length : axis) ?? [],
    )
  );
  const unsqueezed = shapes(0, 3, 3).chain((shape) =>
    fc.record({
      opset: fc.constantFrom(7, 11, 13, 21),
      shape: fc.constant(shape),
      axes: axesOf(shape.length + 2).filter((axes) => axes.length <= 2),
    })
  ).map(({ opset, shape, axes }): Single => {
    const rank = shape.length + axes.length;
    const stated = axes.map((axis) => (axis + 2 * rank) % rank);
    return withAxes(
      "Unsqueeze",
      opset,
      shape,
      [...new Set(stated)].length === axes.length ? stated : [0],
    );
  });
  await compareSingles(fc.oneof(squeezed, unsqueezed), 120);
});

function withAxes(
  operator: string,
  opset: number,
  shape: readonly number[],
  axes: readonly number[],
): Single {
  const x = given(drawn(shape, 1));
  if (axes.length === 0) return { operator, opset, inputs: [x] };
  if (opset >= 13) return { operator, opset, inputs: [x, known(ints(axes))] };
  return { operator, opset, inputs: [x], attributes: { axes: intList(axes) } };
}

Deno.test("Transpose computes what ONNX Runtime does", async () => {
  const singles = shapes(1, 5).chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      order: fc.option(
        fc.shuffledSubarray(shape.map((_, axis) => axis), { minLength: shape.length }),
      ),
    })
  ).map(({ shape, order }): Single => ({
    operator: "Transpose",
    opset: 13,
    inputs: [given(drawn(shape, 1))],
    attributes: order === null ? {} : { perm: intList(order) },
  }));
  await compareSingles(singles, 60);
});

Deno.test("Concat computes what ONNX Runtime does of what is computed and what is known", async () => {
  const singles = shapes(1, 4, 4).chain((shape) =>
    fc.record({
      opset: fc.constantFrom(11, 13),
      shape: fc.constant(shape),
      axis: fc.integer({ min: -shape.length, max: shape.length - 1 }),
      sizes: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }),
      known: fc.nat(3),
    })
  ).map(({ opset, shape, axis, sizes, known: constant }): Single => ({
    operator: "Concat",
    opset,
    attributes: { axis: int(axis) },
    inputs: sizes.map((size, i) => {
      const part = shape.with(axis, size);
      return (i > 0 && i === constant ? known : given)(drawn(part, i));
    }),
  }));
  await compareSingles(singles, 80);
});

Deno.test("Split computes what ONNX Runtime does, into parts that are said, equal ones and uneven ones", async () => {
  const singles = shapes(1, 4, 4).chain((shape) =>
    fc.record({
      opset: fc.constantFrom(7, 11, 13, 18),
      shape: fc.constant(shape),
      axis: fc.integer({ min: -shape.length, max: shape.length - 1 }),
      sizes: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
      kind: fc.constantFrom("equal", "stated", "uneven"),
    })
  ).map(({ opset, shape, axis, sizes, kind }): Single => {
    const outputs = sizes.length;
    const stated = kind === "stated" || kind === "uneven" && opset < 18;
    const size = stated
      ? sizes.reduce((a, b) => a + b, 0)
      : kind === "equal"
      ? outputs * 2
      : outputs * 3 - (outputs > 2 ? 2 : outputs - 1);
    const at = opset < 11 && axis < 0 ? axis + shape.length : axis;
    const x = given(drawn(shape.with(axis, size), 1));
    const isInput = stated && opset >= 13;
    return {
      operator: "Split",
      opset,
      outputs,
      inputs: isInput ? [x, known(ints(sizes))] : [x],
      attributes: {
        axis: int(at),
        ...(stated && !isInput ? { split: intList(sizes) } : {}),
        ...(!stated && opset >= 18 ? { num_outputs: int(outputs) } : {}),
      },
    };
  });
  await compareSingles(singles, 80);
});

Deno.test("Slice computes what ONNX Runtime does, back and forth, whatever ends are said", async () => {
  const end = fc.oneof(fc.integer({ min: -7, max: 7 }), fc.constantFrom(LARGEST, -LARGEST));
  const singles = shapes(1, 4, 5).chain((shape) =>
    fc.record({
      opset: fc.constantFrom(7, 10, 11, 13),
      shape: fc.constant(shape),
      axes: axesOf(shape.length),
      starts: fc.array(end, { minLength: 4, maxLength: 4 }),
      ends: fc.array(end, { minLength: 4, maxLength: 4 }),
      steps: fc.array(fc.constantFrom(1, 1, 2, 3, -1, -2, LARGEST), { minLength: 4, maxLength: 4 }),
      isShort: fc.boolean(),
    })
  ).map(({ opset, shape, axes, starts, ends, steps, isShort }): Single => {
    const x = given(drawn(shape, 1));
    const count = axes.length;
    const [from, to] = [starts.slice(0, count), ends.slice(0, count)];
    const at = opset < 11 ? axes.map((axis) => axis < 0 ? axis + shape.length : axis) : axes;
    if (opset < 10) {
      const attributes = { starts: intList(from), ends: intList(to), axes: intList(at) };
      return { operator: "Slice", opset, inputs: [x], attributes };
    }
    const inputs = [x, known(ints(from)), known(ints(to))];
    if (isShort) return { operator: "Slice", opset, inputs };
    return {
      operator: "Slice",
      opset,
      inputs: [...inputs, known(ints(at)), known(ints(steps.slice(0, count)))],
    };
  });
  await compareSingles(singles, 150);
});

Deno.test("Pad computes what ONNX Runtime does in every mode, with sizes below 0 as well", async () => {
  const singles = shapes(1, 4, 5).chain((shape) =>
    fc.record({
      opset: fc.constantFrom(7, 11, 13, 18, 19),
      shape: fc.constant(shape.map((size) => size + 3)),
      axes: fc.option(axesOf(shape.length)),
      pads: listOf(2 * shape.length, -1, 3),
      mode: fc.constantFrom(null, "constant", "reflect", "edge", "wrap"),
      filling: fc.option(fc.constantFrom(0, 1.5, -3)),
    })
  ).map(({ opset, shape, axes, pads, mode, filling }): Single => {
    const stated = opset >= 18 ? axes : null;
    const count = stated?.length ?? shape.length;
    const half = pads.length / 2;
    const used = mode === "wrap" && opset < 19 ? "edge" : mode;
    // What other modes than filling make of sizes below 0, ONNX Runtime does not compute.
    const sizes = [...pads.slice(0, count), ...pads.slice(half, half + count)]
      .map((size) => used === null || used === "constant" ? size : Math.max(0, size));
    const x = given(drawn(shape, 1));
    const attributes: Attributes = used === null ? {} : { mode: text(used) };
    if (opset < 11) {
      return {
        operator: "Pad",
        opset,
        inputs: [x],
        attributes: {
          ...attributes,
          pads: intList(sizes),
          ...(filling === null ? {} : { value: float(filling) }),
        },
      };
    }
    const inputs = [
      x,
      known(ints(sizes)),
      filling === null ? null : known(floats([filling], [])),
    ];
    return {
      operator: "Pad",
      opset,
      attributes,
      inputs: stated === null
        ? inputs.slice(0, filling === null ? 2 : 3)
        : [...inputs, known(ints(stated))],
    };
  });
  await compareSingles(singles, 150);
});

Deno.test("Gather computes what ONNX Runtime does, with indices from the end as well", async () => {
  const singles = shapes(1, 4, 4).chain((shape) =>
    fc.record({
      opset: fc.constantFrom(11, 13),
      shape: fc.constant(shape),
      axis: fc.integer({ min: -shape.length, max: shape.length - 1 }),
      indexShape: shapes(0, 2, 3),
      seed: fc.nat(),
    })
  ).map(({ opset, shape, axis, indexShape, seed }): Single => {
    const size = shape.at(axis) ?? 1;
    const { data } = drawn(indexShape, seed);
    const indices = Array.from(
      data,
      (value) => Math.floor(Math.abs(value) * 1000) % (2 * size) - size,
    );
    return {
      operator: "Gather",
      opset,
      inputs: [given(drawn(shape, 1)), known(ints(indices, indexShape))],
      attributes: { axis: int(axis) },
    };
  });
  await compareSingles(singles, 60);
});

Deno.test("Expand and Tile compute what ONNX Runtime does", async () => {
  const expanded = fc.tuple(shapes(1, 4, 3), shapes(1, 4, 3)).filter(([shape, to]) => {
    const rank = Math.min(shape.length, to.length);
    return shape.slice(-rank).every((size, i) => {
      const other = to.slice(-rank)[i] ?? 1;
      return size === other || size === 1 || other === 1;
    });
  }).map(([shape, to]): Single => ({
    operator: "Expand",
    opset: 13,
    inputs: [given(drawn(shape, 1)), known(ints(to))],
  }));
  const tiled = shapes(1, 4, 3).chain((shape) =>
    fc.tuple(fc.constant(shape), listOf(shape.length, 0, 3))
  )
    .map(([shape, repeats]): Single => ({
      operator: "Tile",
      opset: 13,
      inputs: [given(drawn(shape, 1)), known(ints(repeats))],
    }));
  await compareSingles(fc.oneof(expanded, tiled), 80);
});

Deno.test("DepthToSpace and SpaceToDepth compute what ONNX Runtime does", async () => {
  const singles = fc.record({
    opset: fc.constantFrom(7, 11, 13),
    block: fc.integer({ min: 1, max: 3 }),
    sizes: listOf(4, 1, 3),
    mode: fc.constantFrom(null, "DCR", "CRD"),
    isDepth: fc.boolean(),
  }).map(
    (
      { opset, block, sizes: [batch = 1, channels = 1, rows = 1, columns = 1], mode, isDepth },
    ): Single => {
      const shape = isDepth
        ? [batch, channels * block ** 2, rows, columns]
        : [batch, channels, rows * block, columns * block];
      return {
        operator: isDepth ? "DepthToSpace" : "SpaceToDepth",
        opset,
        inputs: [given(drawn(shape, 1))],
        attributes: {
          blocksize: int(block),
          ...(mode === null || !isDepth || opset < 11 ? {} : { mode: text(mode) }),
        },
      };
    },
  );
  await compareSingles(singles, 40);
});

Deno.test("Identity and Dropout leave what they are given", async () => {
  const singles = fc.record({
    operator: fc.constantFrom("Identity", "Dropout"),
    opset: fc.constantFrom(7, 10, 12, 13, 22),
    hasRatio: fc.boolean(),
    shape: shapes(1, 4),
  }).map(({ operator, opset, hasRatio, shape }): Single => {
    const isDropout = operator === "Dropout" && hasRatio;
    const x = given(drawn(shape, 1));
    return {
      operator,
      opset,
      inputs: isDropout && opset >= 12 ? [x, known(floats([0.3], []))] : [x],
      attributes: isDropout && opset < 12 ? { ratio: float(0.3) } : {},
    };
  });
  await compareSingles(singles, 20);
});

Deno.test("Constants are what ONNX Runtime makes of every form of theirs", async () => {
  const values: Record<string, Attributes> = {
    tensor: { value: { kind: "tensor", value: drawn([2, 3], 1) } },
    floats: { value_floats: floatList([1, 2.5, 3]) },
    float: { value_float: float(2.5) },
    ints: { value_ints: intList([1, 2, 3]) },
    int: { value_int: int(7) },
  };
  for (const attributes of Object.values(values)) {
    const model = modelOf({
      nodes: [
        node("Constant", [], ["c"], attributes),
        node("Cast", ["c"], ["f"], { to: int(1) }),
        node("Add", ["x", "f"], ["y"]),
      ],
      inputs: { x: [1] },
      outputs: ["y"],
    });
    await assertSameAsOracle(model, [{ x: { shape: [1], data: Float32Array.of(0.5) } }]);
  }
});

Deno.test("Range and ConstantOfShape make what ONNX Runtime makes", async () => {
  const numbers = fc.integer({ min: -6, max: 6 });
  const models = fc.record({
    start: numbers,
    limit: numbers,
    delta: numbers.filter((delta) => delta !== 0),
    value: fc.option(fc.constantFrom(2, -1.5)),
  }).map(({ start, limit, delta, value }) => {
    const attributes: Attributes = value === null
      ? {}
      : { value: { kind: "tensor", value: floats([value]) } };
    const model = modelOf({
      nodes: [
        node("Range", ["start", "limit", "delta"], ["r"]),
        node("Shape", ["r"], ["s"]),
        node("ConstantOfShape", ["s"], ["c"], attributes),
        node("Cast", ["r"], ["f"], { to: int(1) }),
        node("Add", ["f", "c"], ["d"]),
        node("Mul", ["x", "d"], ["y"]),
      ],
      constants: { start: ints([start], []), limit: ints([limit], []), delta: ints([delta], []) },
      inputs: { x: [1] },
      outputs: ["y"],
    });
    return { model, call: { x: { shape: [1], data: Float32Array.of(1.25) } } };
  });
  await compareModels(models, 40);
});

Deno.test("Shape and Size say what ONNX Runtime says of every part of a shape", async () => {
  const models = shapes(1, 4).chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      start: fc.option(fc.integer({ min: -5, max: 5 })),
      end: fc.option(fc.integer({ min: -5, max: 5 })),
    })
  ).map(({ shape, start, end }) => {
    const attributes = {
      ...(start === null ? {} : { start: int(start) }),
      ...(end === null ? {} : { end: int(end) }),
    };
    const model = modelOf({
      nodes: [
        node("Shape", ["x"], ["s"], attributes),
        node("Size", ["x"], ["n"]),
        node("Unsqueeze", ["n", "zero"], ["m"]),
        node("Concat", ["s", "m"], ["c"], { axis: int(0) }),
        node("Cast", ["c"], ["y"], { to: int(1) }),
      ],
      constants: { zero: ints([0]) },
      inputs: { x: shape.map(() => null) },
      outputs: ["y"],
    });
    return { model, call: { x: { shape, data: new Float32Array(product(shape)) } } };
  });
  await compareModels(models, 40);
});

/** What exporters write for `x.view(x.size(0), -1, x.size(2) * x.size(3))`. */
Deno.test("Shapes are computed from those of the inputs, for every batch and size", async () => {
  const model = modelOf({
    opset: 13,
    nodes: [
      node("Shape", ["x"], ["shape"]),
      node("Gather", ["shape", "zero"], ["batch"], { axis: int(0) }),
      node("Gather", ["shape", "two"], ["rows"], { axis: int(0) }),
      node("Gather", ["shape", "minusOne"], ["columns"], { axis: int(0) }),
      node("Mul", ["rows", "columns"], ["plane"]),
      node("Unsqueeze", ["batch", "axes"], ["batch1"]),
      node("Unsqueeze", ["plane", "axes"], ["plane1"]),
      node("Concat", ["batch1", "open", "plane1"], ["target"], { axis: int(0) }),
      node("Reshape", ["x", "target"], ["flat"]),
      node("Slice", ["shape", "twoList", "fourList"], ["spatial"]),
      node("Add", ["spatial", "spatial"], ["doubled"]),
      node("Slice", ["shape", "zeroList", "twoList"], ["leading"]),
      node("Concat", ["leading", "doubled"], ["sizes"], { axis: int(0) }),
      node("Resize", ["x", "", "", "sizes"], ["large"], {
        mode: text("nearest"),
        nearest_mode: text("floor"),
        coordinate_transformation_mode: text("asymmetric"),
      }),
      node("Equal", ["target", "open"], ["isOpen"]),
      node("Where", ["isOpen", "one", "target"], ["ones"]),
      node("Expand", ["scalar", "ones"], ["expanded"]),
      node("Add", ["flat", "expanded"], ["sum"]),
    ],
    constants: {
      zero: ints([0], []),
      two: ints([2], []),
      minusOne: ints([-1], []),
      one: ints([1], []),
      axes: ints([0]),
      open: ints([-1]),
      zeroList: ints([0]),
      twoList: ints([2]),
      fourList: ints([4]),
      scalar: floats([1.5], []),
    },
    inputs: { x: ["batch", "channels", "rows", "columns"] },
    outputs: ["flat", "large", "sum"],
  });
  const calls = [[1, 3, 4, 5], [2, 1, 3, 2], [3, 2, 1, 1], [1, 3, 4, 5]].map((shape, seed) => ({
    x: drawn(shape, seed),
  }));
  await assertSameAsOracle(
    model,
    calls.map(({ x }) => ({ x: { shape: x.shape, data: Float32Array.from(x.data) } })),
  );
});
