/**
 * Operators that make one number of the elements of a window.
 *
 * Source: the operators' specifications, https://onnx.ai/onnx/operators/.
 *
 * @module
 */

import { product, range } from "../../base/numbers.ts";
import { planPooling, type PoolKind } from "../../kernels/maps/pooling.ts";
import { NO_AXIS, type Window, windowAt, type WindowAxis } from "../../kernels/maps/windows.ts";
import type { Operator, Site } from "../graph/site.ts";
import type { Numbers, Value } from "../graph/values.ts";
import { extent, perAxis, planeLength, spatialOf, type Windows, windowsOf } from "./windows.ts";

type Plane = readonly [depth: Window, height: Window, width: Window];

/** What is made of the elements of a window. */
interface Reduction {
  readonly start: number;
  readonly add: (total: number, value: number) => number;
  readonly finish: (total: number, window: Plane) => number;
}

const MAXIMUM: Pool = {
  kind: "max",
  reduction: { start: -Infinity, add: Math.max, finish: (total) => total },
};

function mean(divisor: (window: Plane) => number): Reduction {
  return {
    start: 0,
    add: (total, value) => total + value,
    finish: (total, window) => total / divisor(window),
  };
}

const countSeen = (window: Plane) => product(window.map(({ count }) => count));
const countCovered = (window: Plane) => product(window.map(({ covered }) => covered));

const MEAN: Pool = { kind: "mean", reduction: mean(countSeen) };
const MEAN_WITH_PADDING: Pool = { kind: "mean with padding", reduction: mean(countCovered) };

/** The windows along an axis. */
function windowAxis(
  site: Site,
  { kernel, stride, dilation, padding }: Windows,
  spatial: readonly number[],
  axis: number,
): WindowAxis {
  const size = spatial[axis] ?? 1;
  const taps = kernel[axis] ?? 1;
  const step = stride[axis] ?? 1;
  const apart = dilation[axis] ?? 1;
  const [begin = 0, end = 0] = padding[axis] ?? [];
  const room = size + begin + end - extent(taps, apart);
  if (room < 0) {
    return site.fail(
      `a window of ${extent(taps, apart)} is larger than the padded input's ${size}`,
    );
  }
  const isRoundedUp = site.number("ceil_mode", 0) !== 0;
  const rounded = (isRoundedUp ? Math.ceil(room / step) : Math.floor(room / step)) + 1;
  // The last window has to begin before the end padding does.
  const outputs = isRoundedUp && (rounded - 1) * step >= size + begin ? rounded - 1 : rounded;
  return { size, outputs, taps, stride: step, dilation: apart, padding: [begin, end] };
}

/** What of a window is made, by the calling thread and by the programs of the others. */
interface Pool {
  readonly kind: PoolKind;
  readonly reduction: Reduction;
}

function pooled(site: Site, windows: Windows, { kind, reduction }: Pool): Value {
  const input = site.input(0);
  const spatial = spatialOf(site, input.shape);
  if (spatial.length > 3 || spatial.length !== windows.kernel.length) {
    return site.fail(`the windows have ${windows.kernel.length} axes, the input ${spatial.length}`);
  }
  const along = spatial.map((_, axis) => windowAxis(site, windows, spatial, axis));
  const missing = range(3 - spatial.length).map(() => NO_AXIS);
  const [depth = NO_AXIS, height = NO_AXIS, width = NO_AXIS] = [...missing, ...along];
  const axes = [depth, height, width] as const;
  const shape = [...input.shape.slice(0, 2), ...along.map(({ outputs }) => outputs)];
  const plane = planeLength(input.shape);
  return site.map({
    inputs: [input],
    shape,
    plan: (target) => planPooling({ planes: product(input.shape.slice(0, 2)), axes, kind }, target),
    compute: ([x], y) => {
      if (x === undefined) return;
      const [depths = [], rows = [], columns = []] = axes.map(windowsOfAxis);
      let to = 0;
      for (let start = 0; to < y.length; start += plane) {
        for (const depth of depths) {
          for (const row of rows) {
            for (const column of columns) {
              const window = [depth, row, column] as const;
              y[to++] = reduceWindow(x, start, [height.size, width.size], window, reduction);
            }
          }
        }
      }
    },
  });
}

function windowsOfAxis(axis: WindowAxis): Window[] {
  return range(axis.outputs).map((output) => windowAt(axis, output));
}

function reduceWindow(
  x: Numbers,
  start: number,
  [height, width]: readonly [number, number],
  window: Plane,
  { start: none, add, finish }: Reduction,
): number {
  const [depth, row, column] = window;
  let total = none;
  for (let d = 0; d < depth.count; d++) {
    const plane = start + (depth.first + d * depth.step) * height * width;
    for (let r = 0; r < row.count; r++) {
      const first = plane + (row.first + r * row.step) * width + column.first;
      for (let c = 0; c < column.count; c++) total = add(total, x[first + c * column.step] ?? 0);
    }
  }
  return finish(total, window);
}

function windowed(site: Site): Windows {
  const spatial = spatialOf(site, site.input(0).shape);
  return windowsOf(site, perAxis(site, "kernel_shape", spatial.length, 0), spatial);
}

function averagePool(site: Site): Value {
  const isPaddingCounted = site.number("count_include_pad", 0) !== 0;
  return pooled(site, windowed(site), isPaddingCounted ? MEAN_WITH_PADDING : MEAN);
}

/** The whole plane as one window. */
function global(site: Site, pool: Pool): Value {
  const spatial = spatialOf(site, site.input(0).shape);
  const windows = {
    kernel: spatial,
    stride: spatial.map(() => 1),
    dilation: spatial.map(() => 1),
    padding: spatial.map(() => [0, 0] as const),
  };
  return pooled(site, windows, pool);
}

/** The operators. */
export const POOLINGS: Readonly<Record<string, Operator>> = {
  MaxPool: (site) => pooled(site, windowed(site), MAXIMUM),
  AveragePool: averagePool,
  GlobalMaxPool: (site) => global(site, MAXIMUM),
  GlobalAveragePool: (site) => global(site, MEAN),
};
