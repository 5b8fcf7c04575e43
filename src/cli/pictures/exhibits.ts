import type { Engine } from "../../engine/engine.ts";
import type { Layer } from "../../layers/layer.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { magnify } from "./canvas.ts";
import type { Panel } from "./contact_sheet.ts";
import type { FilterName, FilterSettings } from "./filters.ts";
import { buildFilter, DEFAULT_SETTINGS } from "./filters.ts";
import { colorSigned, gaborBank } from "./gabor.ts";

/** A filter that the demo shows. */
export interface Exhibit {
  readonly name: string;
  /** They are applied to an RGB picture, one after the other. */
  readonly layers: readonly Layer[];
  /** What the contact sheet shows of the last layer's output. */
  panels(output: Tensor): readonly Panel[];
}

/** The directions of the stripes that the Gabor filters answer to, in degrees. */
const ANGLES = [0, 45, 90, 135];

/** How many times as large the answers of the Gabor filters are shown: few edges are as sharp as stripes. */
const GABOR_CONTRAST = 2.5;

/** Pixels for each tap of a kernel that is shown. */
const TAP_SIZE = 3;

/** The filters of the demo. */
export function exhibits(engine: Engine): readonly Exhibit[] {
  return [
    filterExhibit(engine, "blur", { radius: 8 }, "Gaussian blur, radius 8", "a row, then a column"),
    filterExhibit(engine, "edges", {}, "Sobel edges", "3×3, length of the gradient"),
    filterExhibit(engine, "emboss", {}, "Emboss", "3×3, light from the top left"),
    gaborExhibit(engine),
  ];
}

function filterExhibit(
  engine: Engine,
  name: FilterName,
  settings: Partial<FilterSettings>,
  caption: string,
  detail: string,
): Exhibit {
  const { layers, finish } = buildFilter(name, 3, { ...DEFAULT_SETTINGS, ...settings }, engine);
  return {
    name,
    layers,
    panels: (output) => [{ pixels: finish?.(output) ?? output, caption, detail }],
  };
}

function gaborExhibit(engine: Engine): Exhibit {
  const bank = gaborBank(ANGLES, engine);
  return {
    name: "Gabor",
    layers: [bank],
    panels: (output) =>
      ANGLES.map((angle, index) => ({
        pixels: colorSigned(output, index, GABOR_CONTRAST),
        caption: `Gabor filter, ${angle}°`,
        detail: `contrast × ${GABOR_CONTRAST}`,
        inset: kernelPicture(bank, index),
      })),
  };
}

/** The kernel that makes a channel, magnified; the largest tap has the full colour. */
function kernelPicture({ weight }: Layer, channel: number): Tensor {
  const [, inChannels = 1, rows = 1, columns = 1] = weight.shape;
  const taps = rows * columns;
  const begin = channel * inChannels * taps;
  const kernel = new Tensor(weight.data.slice(begin, begin + taps), [1, rows, columns]);
  const largest = Math.max(...kernel.data.map(Math.abs));
  return magnify(colorSigned(kernel, 0, 1 / largest), TAP_SIZE);
}
