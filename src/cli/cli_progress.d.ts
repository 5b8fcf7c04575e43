/** The part of the options of `npm:cli-progress` that is in use. */
export interface Options {
  readonly format: string;
  readonly hideCursor: boolean;
  readonly clearOnComplete: boolean;
  readonly forceRedraw: boolean;
  readonly stream: {
    readonly isTTY: boolean;
    readonly columns: number;
    write(text: string): boolean;
  };
}

/** What the format names besides the bar's own figures. */
export interface Payload {
  readonly state: string;
}

/** A bar that is redrawn in place. */
export class SingleBar {
  constructor(options: Options, preset: Preset);
  start(total: number, startValue: number, payload: Payload): void;
  increment(by: number, payload: Partial<Payload>): void;
  stop(): void;
}

/** How a bar looks. */
export interface Preset {
  readonly barCompleteChar: string;
  readonly barIncompleteChar: string;
}

/** The looks that come with the package. */
export const Presets: { readonly shades_classic: Preset };
