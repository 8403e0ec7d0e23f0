import { describe, expect, test } from "bun:test";

import { Fault } from "./fault.ts";
import { silentLog } from "./log.ts";
import { reachWithin } from "./reach.ts";
import type { Caller } from "./service.ts";

const baseUrl = "http://127.0.0.1:4100/cask";

describe("reachWithin", () => {
  test("hands the request and its body to the handler, on behalf of the calling service", async () => {
    const seen: string[] = [];
    const reach = reachWithin(
      {
        async handle(request: Request, caller: Caller) {
          seen.push(request.method, new URL(request.url).pathname, caller.name, String(caller.may("admin")));
          return new Response(await request.text(), { status: 201 });
        },
      },
      baseUrl,
      "hakmes",
      silentLog,
    );
    const response = await reach.fetch(`${reach.baseUrl}/file/`, { method: "PUT", body: "bytes" });
    expect([response.status, await response.text()]).toEqual([201, "bytes"]);
    expect(seen).toEqual(["PUT", "/cask/file/", "hakmes", "true"]);
  });

  test("answers a Fault as a listener would", async () => {
    const reach = reachWithin(
      {
        handle() {
          throw new Fault("missing", "cask/not-found", "Cannot find it");
        },
      },
      baseUrl,
      "hakmes",
      silentLog,
    );
    const response = await reach.fetch(`${baseUrl}/`, { headers: { Accept: "application/problem+json" } });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "cask/not-found", detail: "Cannot find it" });
  });

  test("says nothing outside of what went wrong inside", async () => {
    const reach = reachWithin(
      {
        handle: () => {
          throw new TypeError("secret detail");
        },
      },
      baseUrl,
      "hakmes",
      silentLog,
    );
    const response = await reach.fetch(`${baseUrl}/`, {});
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
  });

  test("does not begin what the caller has given up", async () => {
    const reach = reachWithin({ handle: () => expect.unreachable() }, baseUrl, "hakmes", silentLog);
    await expect(reach.fetch(`${baseUrl}/`, { signal: AbortSignal.abort() })).rejects.toThrow();
  });
});
