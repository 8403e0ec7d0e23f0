/** @jsxImportSource hono/jsx */
import { expect, test } from "bun:test";

import { renderHtml } from "../../../kit/pages/html.ts";
import { Overview } from "./overview.tsx";

test("Overview: without rules there is nothing to draw", () => {
  const page = renderHtml(
    <Overview
      mountPath="/hound"
      now={0}
      mayWrite={false}
      sight={{
        source: "series",
        language: "graphite",
        roundAt: undefined,
        roundMs: undefined,
        blind: undefined,
        fileTrouble: undefined,
      }}
      boxes={[]}
      rows={[]}
      counts={{ OK: 0, Pending: 0, Failed: 0, Error: 0, NoData: 0, Unknown: 0 }}
      failing={[]}
      search=""
      page={0}
      pages={1}
      found={0}
      deliveries={{ waiting: 0, failed: 0, sent: 0, oldestWaitingAt: undefined }}
      hasOwnGraphs
    />,
  );
  expect(page).toContain("There are no rules yet.");
  expect(page).not.toContain("<img");
});
