/**
 * Runtimes that are a page of a browser.
 *
 * @module
 */

import { type Missing, programPath } from "../../bench/runtimes/programs.ts";
import { type Host, limited, type Run, type SuiteFiles } from "./host.ts";

/** A browser that has been started. */
interface Browser {
  readonly version: string;
  /** Opens a page, and returns the text that an expression on it comes to. */
  evaluate(url: string, expression: string): Promise<string>;
  close(): Promise<void>;
}

/** What differs between browsers. */
interface Driver {
  readonly name: string;
  /** Names of the program. */
  readonly programs: readonly string[];
  launch(program: string): Promise<Browser>;
}

const CHROMIUM: Driver = {
  name: "Chromium",
  programs: ["chromium", "chromium-browser", "google-chrome"],
  async launch(executablePath) {
    const { chromium } = await import("playwright-core");
    const browser = await chromium.launch({ executablePath });
    return {
      version: browser.version(),
      async evaluate(url, expression) {
        const page = await browser.newPage();
        await page.goto(url);
        return await page.evaluate<string>(expression);
      },
      close: () => browser.close(),
    };
  },
};

const FIREFOX: Driver = {
  name: "Firefox",
  programs: ["firefox-esr", "firefox"],
  async launch(executablePath) {
    const { launch } = await import("puppeteer-core");
    const browser = await launch({ browser: "firefox", executablePath, headless: true });
    return {
      version: (await browser.version()).replace(/^.*\//, ""),
      async evaluate(url, expression) {
        const page = await browser.newPage();
        await page.goto(url);
        return String(await page.evaluate(expression));
      },
      close: () => browser.close(),
    };
  },
};

/** A page that may share memory with its workers, and one that may not. */
export function browserHosts(): readonly Host[] {
  return [CHROMIUM, FIREFOX].flatMap((driver) => {
    const { name } = driver;
    const id = name.toLowerCase();
    return [
      { id, name: `${name}, isolated page`, run: (files) => runPage(driver, files, ISOLATED) },
      { id, name: `${name}, other page`, run: (files) => runPage(driver, files, {}) },
    ] satisfies Host[];
  });
}

/** With these a page is cross-origin isolated. */
const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

type Headers = Readonly<Record<string, string>>;

async function runPage(
  driver: Driver,
  files: SuiteFiles,
  headers: Headers,
): Promise<Run | Missing> {
  const program = await programPath(driver.programs);
  if (program === null) return { missing: `none of ${driver.programs.join(", ")} is installed` };
  await using server = serve(files, headers);
  const browser = await limited(driver.launch(program), `Starting ${program}`);
  try {
    const { port } = server.addr;
    const text = browser.evaluate(`http://127.0.0.1:${port}/`, expressionFor(files));
    return { version: browser.version, report: JSON.parse(await limited(text, "The page")) };
  } finally {
    await browser.close();
  }
}

/** Computes the report on a page. */
function expressionFor({ module, records }: SuiteFiles): string {
  return `(async () => {
  const { runSuite } = await import("/${module}");
  const records = await (await fetch("/${records}")).text();
  return JSON.stringify(await runSuite(records, null));
})()`;
}

function serve({ folder, module, records }: SuiteFiles, headers: Headers) {
  const types = new Map([[`/${module}`, "text/javascript"], [`/${records}`, "text/plain"]]);
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
    const { pathname } = new URL(url);
    const type = types.get(pathname);
    if (type !== undefined) {
      const bytes = await Deno.readFile(folder + pathname);
      return new Response(bytes, { headers: { ...headers, "content-type": type } });
    }
    if (pathname !== "/") return new Response(null, { status: 404 });
    return new Response("<!doctype html><title>Tileconv</title>", {
      headers: { ...headers, "content-type": "text/html" },
    });
  });
}
