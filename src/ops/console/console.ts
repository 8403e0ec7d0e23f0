/**
 * The console: the page at `/` that tells how this node fares, kept fresh while it is looked at. It reads one port,
 * {@link ConsoleOptions.view}, and changes nothing.
 */
import type { Clock } from "../../kit/clock.ts";
import type { Events } from "../../kit/events.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import { liveParts } from "../../kit/pages/live.ts";
import type { PageShell } from "../../kit/pages/shell.ts";
import type { Caller } from "../../kit/service.ts";
import { NotFound } from "./pages/not-found.tsx";
import { Overview, overviewParts } from "./pages/overview.tsx";
import type { NodeView } from "./view.ts";

/** What the console stands on. */
export interface ConsoleOptions {
  view: () => NodeView;
  events: Events;
  shell: PageShell;
  clock: Clock;
  log: Logger;
}

/** Where the stream of live parts is. */
export const consoleLivePath = "/console/live";

/** Answers `/`, {@link consoleLivePath}, and with status 404 whatever else nobody answers. */
export interface Console {
  handle(request: Request, caller: Pick<Caller, "keepOpen">): Response;
}

/** Makes the console of a node. */
export function createConsole(options: ConsoleOptions): Console {
  const { shell, clock } = options;
  return {
    handle(request, caller) {
      const path = new URL(request.url).pathname;
      const known = path === "/" || path === consoleLivePath;
      if (known && request.method !== "GET" && request.method !== "HEAD") {
        throw new Fault("invalid", "console/method", `Cannot ${request.method} "${path}": it can only be read`, {
          status: 405,
        });
      }
      if (path === "/") {
        return shell.page(
          {
            title: "Console",
            service: "console",
            live: consoleLivePath,
            body: Overview({ view: options.view(), now: clock.now() }),
          },
          request,
        );
      }
      if (path === consoleLivePath) {
        return liveParts(caller.keepOpen("read"), {
          clock,
          render: () => overviewParts(options.view(), clock.now()),
          subscribe: (changed) => options.events.subscribe(changed),
          failed: (thrown) => options.log.error("The console could not be drawn", { reason: reasonOf(thrown) }),
        });
      }
      return shell.page(
        { title: "Not here", service: "", status: 404, body: NotFound({ path, services: options.view().services }) },
        request,
      );
    },
  };
}
