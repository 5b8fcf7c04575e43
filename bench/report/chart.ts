import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { BACKENDS, type BackendTarget, countThreads, ourName } from "../backends.ts";
import { KINDS } from "../layers.ts";
import type { LayerResult } from "../compare.ts";
import { type Report, shortName } from "./report.ts";

/** Ours stand out; the others are told apart by people who do not see colours well, too. */
const OUR_COLORS = ["#b3293f", "#ec8f9a"];
const PEER_COLORS = ["#30638e", "#7fb7be", "#b8b8b8"];
const CEILING_COLOR = "#222222";
const LAYER_HEIGHT = 30;
const PANEL_WIDTH = 420;

/**
 * Draws a run as bars of GFLOP/s, one panel for each number of threads.
 *
 * @returns The text of an SVG file.
 */
export async function drawChart(report: Report): Promise<string> {
  // It warns of scales that it takes to come from the same data, which they do.
  const { spec } = compile(specOf(report), { logger: vega.logger(vega.Error) });
  return await new vega.View(vega.parse(spec), { renderer: "none" }).toSVG();
}

function specOf(report: Report): TopLevelSpec {
  const { machine, date, threadCounts } = report;
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: {
      text: "Convolutions in Deno: GFLOP/s, more is better",
      subtitle: `${date.slice(0, 10)}, ${machine.processor}, Deno ${machine.deno}`,
      anchor: "start",
      fontSize: 15,
      offset: 12,
    },
    background: "white",
    padding: 16,
    data: { values: barsOf(report) },
    hconcat: threadCounts.map((threads, index) => panelOf(report, threads, index === 0)),
    spacing: 24,
    config: { font: "sans-serif", view: { stroke: null }, axis: { gridColor: "#eeeeee" } },
  };
}

/** The backend whose ceiling is shown: the fastest that took part. */
function ceilingBackend({ backends }: Report): BackendTarget | undefined {
  return BACKENDS.flatMap((name) => backends.filter(({ backend }) => backend === name))[0];
}

/** One row for each bar; the ceiling goes with one bar of each layer. */
function barsOf(report: Report) {
  const { layers } = report;
  const backend = ceilingBackend(report)?.backend;
  const ceilingOf = (ceilings: LayerResult["ceilings"], threads: number) =>
    ceilings.find((ceiling) => ceiling.backend === backend && ceiling.threads === threads);
  return layers.flatMap(({ name, kind, results, ceilings }) =>
    results.map(({ peer, threads, gigaflops }) => ({
      layer: name,
      kind,
      peer: shortName(peer),
      threads,
      gigaflops,
      ceiling: backend !== undefined && peer === ourName(backend)
        ? ceilingOf(ceilings, threads)?.gigaflops ?? null
        : null,
    }))
  );
}

function ceilingTitle(report: Report): string {
  return `ceiling (multiply-adds on registers, ${ceilingBackend(report)?.target ?? "none"})`;
}

/** The shades of one colour for ours, then the colours of the others, and that of the ceiling. */
function colorsOf({ backends, packages }: Report): readonly string[] {
  const count = packages.length - backends.length;
  return [
    ...OUR_COLORS.slice(0, backends.length),
    ...PEER_COLORS.slice(0, count),
    CEILING_COLOR,
  ];
}

/** The bars of one number of threads; the first panel names the layers for all. */
function panelOf(report: Report, threads: number, first: boolean) {
  const { layers, packages } = report;
  const ceiling = ceilingTitle(report);
  const peers = packages.map(({ name }) => shortName(name));
  return {
    transform: [{ filter: `datum.threads === ${threads}` }],
    facet: {
      row: {
        field: "kind",
        type: "nominal" as const,
        sort: [...KINDS],
        title: null,
        header: first
          ? { labelAngle: 0, labelAlign: "left" as const, labelFontWeight: "bold" as const }
          : { labels: false },
      },
    },
    spacing: 10,
    resolve: { scale: { y: "independent" as const, yOffset: "independent" as const } },
    spec: {
      width: PANEL_WIDTH,
      height: { step: LAYER_HEIGHT, for: "position" as const },
      encoding: {
        y: {
          field: "layer",
          type: "nominal" as const,
          sort: layers.map(({ name }) => name),
          title: null,
          axis: { labels: first, labelLimit: 400, labelPadding: 6, domain: false, ticks: false },
        },
      },
      layer: [
        {
          mark: { type: "bar" as const, opacity: 1 },
          encoding: {
            x: {
              field: "gigaflops",
              type: "quantitative" as const,
              title: countThreads(threads),
              axis: { orient: "top" as const },
            },
            yOffset: { field: "peer", scale: { domain: peers } },
            color: {
              field: "peer",
              type: "nominal" as const,
              scale: { domain: [...peers, ceiling], range: [...colorsOf(report)] },
              legend: {
                orient: "top" as const,
                title: null,
                labelLimit: 400,
                symbolType: "square",
              },
            },
          },
        },
        {
          mark: { type: "tick" as const, thickness: 1.5, opacity: 1 },
          encoding: {
            x: { field: "ceiling", type: "quantitative" as const },
            color: { datum: ceiling },
          },
        },
      ],
    },
  };
}
