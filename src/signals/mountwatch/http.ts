/** The routes of Mountwatch: its page and the state for programs. It only reads. */
import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { notAllowed, pathOf } from "../../kit/http/target.ts";
import type { Logger } from "../../kit/log.ts";
import { liveParts } from "../../kit/pages/live.ts";
import type { PageShell } from "../../kit/pages/shell.ts";
import type { Caller } from "../../kit/service.ts";
import { Overview, overviewParts } from "./pages/overview.tsx";
import type { Rounds } from "./rounds.ts";
import { statusOf } from "./status.ts";

/** What the routes stand on. */
export interface HttpParts {
  rounds: Pick<Rounds, "views">;
  clock: Clock;
  log: Logger;
  shell: PageShell;
  mountPath: string;
  intervalMs: number;
}

/** The handler of all routes below the mount path. */
export function mountwatchRoutes(parts: HttpParts): (request: Request, caller: Caller) => Response {
  const { clock, intervalMs, log, mountPath, rounds, shell } = parts;
  const view = () => ({ mountPath, now: clock.now(), folders: rounds.views(), intervalMs });

  return (request, caller) => {
    const path = pathOf(request.url).slice(mountPath.length) || "/";
    if (request.method !== "GET" && request.method !== "HEAD") {
      return notAllowed("GET, HEAD");
    }
    if (path === "/status.json") {
      return Response.json(statusOf(rounds.views()), { headers: { "Cache-Control": "no-store" } });
    }
    if (path === "/live") {
      return liveParts(caller.keepOpen("read"), {
        clock,
        render: () => overviewParts(view()),
        failed: (thrown) => log.error("The page of Mountwatch could not be drawn", { reason: reasonOf(thrown) }),
      });
    }
    if (path === "/") {
      const body = Overview(view());
      return shell.page({ title: "Mountwatch", service: "mountwatch", body, live: `${mountPath}/live` }, request);
    }
    throw new Fault("missing", "mountwatch/no-page", `Cannot find "${path.slice(0, 200)}": there is no such page`);
  };
}
