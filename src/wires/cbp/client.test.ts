import { expect, test } from "bun:test";

import { Fault } from "../../kit/fault.ts";
import { CbpClient } from "./client.ts";

test("CbpClient: the next address is asked where one cannot be reached; what is no cbp is told by its address", async () => {
  const gone = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
  const nobody = gone.url.origin;
  await gone.stop(true);
  await using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/cbp/status.json") return Response.json({ proxies: [] });
      if (pathname.startsWith("/series/")) return Response.json({ figures: {} });
      const [code, detail] = pathname.startsWith("/cbp/")
        ? ["cbp/no-proxy", "Cannot find the proxy"]
        : ["node/no-page", "There is nothing"];
      return pathname === "/html/status.json"
        ? new Response("<!doctype html>")
        : Response.json({ code, detail }, { status: 404 });
    },
  });
  const at = (...bases: string[]) => new CbpClient(bases);
  const wordsOf = async (asked: Promise<unknown>) => {
    const thrown: unknown = await asked.catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(Fault);
    return thrown instanceof Fault ? thrown.message : "";
  };
  const { origin } = server.url;
  expect(await at(nobody, `${origin}/cbp/`).list()).toEqual([]);
  expect(await wordsOf(at(nobody).list())).toContain(`Cannot reach ${nobody}: `);
  expect(await wordsOf(at(`${origin}/cbp`).force("x", "open"))).toBe("Cannot find the proxy");
  expect(await wordsOf(at(origin).list())).toContain(`Cannot use ${origin}: it answered 404, as cbp would not`);
  // Another service of the node has a state and verbs of its own.
  expect(await wordsOf(at(`${origin}/series`).list())).toContain("it answered 200, as cbp would not");
  expect(await wordsOf(at(`${origin}/series`).force("x", "open"))).toContain("it answered 200, as cbp would not");
  expect(await wordsOf(at(`${origin}/html`).list())).toContain("it answered 200, as cbp would not");
});
