/**
 * The windows that poolings look through.
 *
 * @module
 */

/** An axis of windows. */
export interface WindowAxis {
  /** Of the input. */
  readonly size: number;
  readonly outputs: number;
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  readonly padding: readonly [begin: number, end: number];
}

/** The elements along an axis that an output sees. */
export interface Window {
  readonly first: number;
  readonly count: number;
  readonly step: number;
  /** Elements and padding that it covers. */
  readonly covered: number;
}

/** An axis that there is not. */
export const NO_AXIS: WindowAxis = {
  size: 1,
  outputs: 1,
  taps: 1,
  stride: 1,
  dilation: 1,
  padding: [0, 0],
};

/** What an output sees. */
export function windowAt(
  { size, taps, stride, dilation, padding: [begin, end] }: WindowAxis,
  output: number,
): Window {
  const at = output * stride - begin;
  const firstTap = Math.max(0, Math.ceil(-at / dilation));
  const lastTap = Math.min(taps - 1, Math.floor((size - 1 - at) / dilation));
  const coveredTaps = Math.min(taps, Math.floor((size + end - 1 - at) / dilation) + 1);
  return {
    first: at + firstTap * dilation,
    count: Math.max(0, lastTap - firstTap + 1),
    step: dilation,
    covered: coveredTaps,
  };
}

/** Outputs one behind the other whose windows have the same number of elements. */
export interface WindowRun extends Window {
  readonly start: number;
  readonly outputs: number;
  /** From the first element of one to that of the next. */
  readonly apart: number;
}

/** Cuts an axis into such. */
export function windowRuns(axis: WindowAxis): WindowRun[] {
  const runs: WindowRun[] = [];
  for (let output = 0; output < axis.outputs; output++) {
    const window = windowAt(axis, output);
    const last = runs.at(-1);
    if (last?.count !== window.count || last.covered !== window.covered) {
      runs.push({ ...window, start: output, outputs: 1, apart: 0 });
      continue;
    }
    const apart = (window.first - last.first) / last.outputs;
    if (last.outputs === 1 || last.apart === apart) {
      runs[runs.length - 1] = { ...last, outputs: last.outputs + 1, apart };
    } else runs.push({ ...window, start: output, outputs: 1, apart: 0 });
  }
  return runs;
}
