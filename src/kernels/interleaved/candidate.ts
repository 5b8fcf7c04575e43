/**
 * Which transposed convolutions are taken by boxes of residues and cells, and not by stride phases: those of
 * so many phases that each has little to do and all together take long to plan, and those of so many taps
 * that a list of them is long.
 *
 * Milliseconds of one thread, by stride phases (or by Winograd's algorithm, w) and so:
 *
 * | transposed convolution | AVX-512 | WebAssembly |
 * | --- | --- | --- |
 * | 16x16 stride 16, 768>3 @14 | 4.40, 1.43 | 11.7, 6.16 |
 * | 8x8 stride 8, 64>32 @28; 384>3 @28 | 2.61, 1.94; 1.12, 1.08 | 9.55, 5.86; 4.87, 3.34 |
 * | 16x16 stride 8, 21>21 @64; 64 of one channel @28 | 19.7 w, 10.2; 3.30, 2.44 | 45.8 w, 29.1; 6.68, 2.69 |
 * | 64x64 stride 32, 21>21 @16; stride 64, 1>1 @4 | 37.4, 10.4; 52.3, 0.05 | 73.5 w, 31.8; 53.0, 0.06 |
 * | 4x4x4 stride 4, 16>8 @8x16x16 | 1.27, 0.99 | 1.82, 1.42 |
 * | 3x3 stride 8, 16>16 @32 | 0.95, 0.96 | 2.67, 1.10 |
 * | length 1024 stride 256, 514>1 @200 | 9.94, 6.31 | 50.9, 17.4 |
 * | 4x4 stride 4, 128>64 @32; 16>1 @64 | 2.48, 2.19; 0.053, 0.099 | 9.54, 9.34; 0.109, 0.115 |
 * | 2x2 stride 2, 128>64 @64; 1024>512 @8 | 2.56, 2.62; 2.18, 2.55 | 8.85, 7.73; 7.21, 7.23 |
 * | length 16 stride 8, 512>256 @100; 256>128 @800 | 3.04, 3.45; 6.49 w, 5.39 | 8.84 w, 11.0; 16.5 w, 22.3 |
 * | 4x4 stride 2, 128>64 @32 | 1.33 w, 2.06 | 3.39 w, 7.61 |
 * | 31x31, 4>4 @40; length 400, 16>16 @1000 | 0.37, 1.21; 1.81, 5.39 | 1.44, 1.49; 11.1, 19.2 |
 *
 * @module
 */

import { product } from "../../base/numbers.ts";
import { collapse } from "../collapse.ts";
import { hasFewPhases } from "../common/stride_phases.ts";
import { tuned } from "../common/tuning.ts";
import type { Candidate, Problem } from "../plan.ts";
import { planInterleaved } from "./plan.ts";

/** Transposed convolutions by boxes of residues and cells: all whose stride phases are not listed. */
export function interleavedCandidate(problem: Problem): Candidate | null {
  const { geometry: g, target } = problem;
  if (!g.transposed || hasFewPhases(problem)) return null;
  const products = g.batch * product(g.input) * product(g.kernel) * g.inChannels * g.outChannels /
    g.groups;
  return {
    nanoseconds: products / target.lanes * tuned(target, "multiplyAddNanoseconds"),
    plan: () => planInterleaved({ ...problem, geometry: collapse(g) }),
  };
}
