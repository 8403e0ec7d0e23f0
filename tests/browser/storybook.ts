/**
 * A small server that shows every page with sample views, without a node: `bun tests/browser/storybook.ts 4190`, then
 * open http://127.0.0.1:4190/. Tests start it on a free port. Its streams send what the samples say, changing each second.
 */
import { systemClock } from "../../src/kit/clock.ts";
import { createEvents } from "../../src/kit/events.ts";
import { Fault, toFault } from "../../src/kit/fault.ts";
import { silentLog } from "../../src/kit/log.ts";
import { createShell } from "../../src/kit/pages/shell.ts";
import { createConsole } from "../../src/ops/console/console.ts";
import { consoleSamples, sampleNow } from "./samples-console.ts";

/** A running storybook. */
export interface Storybook extends AsyncDisposable {
  /** Without a trailing slash. */
  url: string;
}

const navigation = [
  { name: "console", summary: "how this node fares", href: "/" },
  { name: "cask", summary: "files under the hash of their content", href: "/cask/", group: "storage" },
  { name: "hakmes", summary: "large files in chunks", href: "/hakmes/", group: "storage" },
  { name: "reticulum", summary: "images of any size", href: "/reticulum/", group: "storage" },
  { name: "statsd", summary: "counts and timings", href: "/statsd/", group: "signals" },
  { name: "series", summary: "keeps metrics", href: "/series/", group: "signals" },
  { name: "hound", summary: "alerts", href: "/hound/", group: "signals" },
  { name: "houston", summary: "dashboards", href: "/houston/", group: "signals" },
  { name: "identity", summary: "accounts", href: "/identity/", group: "people" },
];

/** Starts it on 127.0.0.1; port 0 picks a free one. */
export function startStorybook(port = 0): Storybook {
  const clock = { ...systemClock, now: () => sampleNow };
  const events = createEvents(clock);

  const answer = (request: Request, keepOpen: () => void): Response => {
    const url = new URL(request.url);
    const sample = url.searchParams.get("sample") ?? "well";
    const view = consoleSamples[sample] ?? consoleSamples["well"];
    if (view === undefined) throw new Fault("missing", "storybook/sample", `Cannot show "${sample}": no such sample`);
    const shell = createShell({ navigation, version: view.version, nodeName: view.name, clock });
    const found = shell.asset(request);
    if (found) return found;
    try {
      if (url.pathname === "/problem") {
        throw new Fault(
          "limited",
          "cask/too-many",
          `Cannot store "photo.jpg": 64 uploads are already under way, wanted fewer`,
          {
            retryAfterMs: 4000,
          },
        );
      }
      if (url.pathname === "/problem-inside") throw new Error("a secret detail");
      if (url.pathname === "/sign-in") {
        const failed = url.searchParams.has("failed");
        return shell.signIn(
          { to: "/", ...(failed ? { failure: "That token is not known here. Look for a missing character." } : {}) },
          request,
        );
      }
      const shown = createConsole({ view: () => view, events, shell, clock, log: silentLog });
      return shown.handle(request, { keepOpen });
    } catch (thrown) {
      return shell.problem(toFault(thrown), request, { requestId: "sample-1" });
    }
  };

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    fetch: (request, server) => answer(request, () => server.timeout(request, 0)),
  });
  return {
    url: `http://127.0.0.1:${server.port ?? 0}`,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

if (import.meta.main) console.log(startStorybook(Number(process.argv[2] ?? 4190)).url);
