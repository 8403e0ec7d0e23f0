/** The routes between nodes and their client: what goes through, who is let in, and answers that are not what they should be. */
import { afterEach, describe, expect, test } from "bun:test";

import fc from "fast-check";

import { createFailureLimit } from "../../kit/auth/failures.ts";
import { systemClock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import type { Caller } from "../../kit/service.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import type { MemoryCatalog } from "./catalog-memory.ts";
import { catalogOf, makeFile, nodeNamed, sesameReader } from "./neighbourhood-fixture.ts";
import { enter } from "./peers-entry.ts";
import { httpPeer, secretHeader } from "./peers-http.ts";
import { peerRoutes } from "./peers-routes.ts";
import { entriesMax, entryOf, type Entry } from "./peers.ts";

const never = new AbortController().signal;
const servers: { stop(closeActive: boolean): unknown }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.stop(true);
});

function callerFrom(address: string, may = true): Caller {
  return { address, requestId: "r", name: "anonymous", may: () => may, keepOpen: () => never };
}

interface Served {
  handle: ReturnType<typeof peerRoutes>;
  learned: () => number;
}

function routesOf(catalog: MemoryCatalog, secrets: readonly string[], isWhole = true): Served {
  let learned = 0;
  const handle = peerRoutes({
    catalog,
    manifests: sesameReader,
    clock: systemClock,
    secrets: () => secrets,
    failures: createFailureLimit({ clock: new ManualClock() }),
    isWhole: () => isWhole,
    learned: () => learned++,
  });
  return { handle, learned: () => learned };
}

function serve(handle: (request: Request) => Response | Promise<Response>): string {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      try {
        return await handle(request);
      } catch (thrown) {
        if (thrown instanceof Fault) return new Response(thrown.message, { status: thrown.status });
        throw thrown;
      }
    },
  });
  servers.push(server);
  return `http://127.0.0.1:${server.port}`;
}

function peerOf(catalog: MemoryCatalog, isWhole = true) {
  const { handle, learned } = routesOf(catalog, ["sesame"], isWhole);
  const url = serve((request) => handle(request, callerFrom("10.0.0.7"), new URL(request.url).pathname));
  return { peer: httpPeer(nodeNamed("b", { url }), () => "sesame"), url, learned };
}

const codeOf = async (promise: Promise<unknown>) =>
  promise.then(
    () => "no fault",
    (thrown: unknown) => (thrown instanceof Fault ? thrown.code : String(thrown)),
  );

describe("peerRoutes, httpPeer", () => {
  test("entries, questions and changes go through as they are", async () => {
    const made = makeFile("over there", { secret: "sesame" });
    const name = { key: made.file.key, name: "there.txt", mimetype: "text/plain", addedAt: 5 };
    const catalog = catalogOf();
    const { peer, learned } = peerOf(catalog);
    const entries: Entry[] = [
      { kind: "file", root: made.root, manifest: made.manifest, isProven: true },
      { kind: "name", name },
    ];
    await peer.push(entries, never);
    expect([catalog.find(made.file.key), learned()]).toEqual([made.file, 1]);
    expect(await peer.find(made.file.key, never)).toEqual({ entries });
    const page = await peer.changes(0, 10, never);
    expect(page).toEqual({ catalog: catalog.id, sequence: catalog.sequence(), upTo: catalog.sequence(), entries });
    expect(await peer.changes(page.sequence, 10, never)).toEqual({ ...page, entries: [] });
    expect(await peer.changes(7, 0, never)).toEqual({ ...page, upTo: 7, entries: [] });
  });

  test("changes come page by page, and dropped files leave no gap that is waited at", async () => {
    const files = Array.from({ length: 7 }, (_, number) => makeFile(`file ${number}`));
    const catalog = catalogOf(...files);
    catalog.drop(files[6]?.file.key ?? ("" as never));
    const { peer } = peerOf(catalog);
    const seen: Entry[] = [];
    let after = 0;
    do {
      const page = await peer.changes(after, 4, never);
      seen.push(...page.entries);
      expect(page.upTo).toBeGreaterThan(after);
      after = page.upTo;
    } while (after < catalog.sequence());
    expect(seen).toEqual(files.slice(0, 6).map(({ file }) => entryOf(catalog, file.key) as Entry));
  });

  test("a node says of a file it does not have how sure it is", async () => {
    const { key } = makeFile("nowhere").file;
    expect(await peerOf(catalogOf()).peer.find(key, never)).toEqual({ isCertain: true });
    expect(await peerOf(catalogOf(), false).peer.find(key, never)).toEqual({ isCertain: false });
  });

  test("whoever does not show the secret is kept out, and who guesses waits", async () => {
    const { url } = peerOf(catalogOf());
    expect(await codeOf(httpPeer(nodeNamed("b", { url }), () => "guess").changes(0, 1, never))).toBe(
      "hakmes/peer-secret",
    );
    const statuses = new Set<number>();
    for (let guess = 0; guess < 20; guess++) {
      statuses.add((await fetch(`${url}/peer/changes/`, { headers: { [secretHeader]: `guess ${guess}` } })).status);
    }
    expect(statuses).toEqual(new Set([403, 429]));
  });

  test("without a secret only this machine is let in, and only who may do everything", async () => {
    const { handle } = routesOf(catalogOf(), []);
    const ask = (caller: Caller) =>
      codeOf(handle(new Request("http://x/peer/changes/?after=0&limit=0"), caller, "/peer/changes/"));
    expect(await Promise.all([callerFrom("127.0.0.1"), callerFrom("::1")].map(ask))).toEqual(["no fault", "no fault"]);
    expect(await ask(callerFrom("10.0.0.7"))).toBe("hakmes/secret");
    expect(await ask(callerFrom("127.0.0.1", false))).toBe("hakmes/secret");
    const writer: Caller = { ...callerFrom("127.0.0.1"), may: (scope) => scope !== "admin" };
    expect(await ask(writer)).toBe("hakmes/secret");
  });

  test("requests that nodes do not send are refused, and change nothing", async () => {
    const catalog = catalogOf();
    const { url } = peerOf(catalog);
    const headers = { [secretHeader]: "sesame" };
    const name = { key: makeFile("x").file.key, name: "x.txt", mimetype: "text/plain", addedAt: 1 };
    const post = (body: string) => fetch(`${url}/peer/entries/`, { method: "POST", headers, body });
    const statuses = [
      (await post("no JSON")).status,
      (await post('{"entries":[{"kind":"file"}]}')).status,
      (await post(JSON.stringify({ entries: Array.from({ length: entriesMax + 1 }, () => ({ kind: "name" })) })))
        .status,
      (await post(JSON.stringify({ entries: [{ kind: "name", name: { ...name, addedAt: 1.5 } }] }))).status,
      (await fetch(`${url}/peer/entry/sha256:zz/`, { headers })).status,
      (await fetch(`${url}/peer/entry/%zz/`, { headers })).status,
      (await fetch(`${url}/peer/changes/?after=-1&limit=1`, { headers })).status,
      (await fetch(`${url}/peer/changes/?after=0&limit=${entriesMax + 1}`, { headers })).status,
      (await fetch(`${url}/peer/elsewhere/`, { headers })).status,
      (await fetch(`${url}/peer/entries/`, { headers })).status,
    ];
    expect(statuses).toEqual([400, 400, 400, 400, 400, 400, 400, 400, 404, 404]);
    expect(catalog.sequence()).toBe(0);
  });

  test("whatever another node answers, it is a page of entries or a Fault", async () => {
    let body = "";
    let status = 200;
    const peer = httpPeer(nodeNamed("b", { url: serve(() => new Response(body, { status })) }), () => "");
    const { key } = makeFile("x").file;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc
            .record({ catalog: fc.string(), sequence: fc.double(), upTo: fc.integer(), entries: fc.array(fc.object()) })
            .map((value) => JSON.stringify(value)),
        ),
        fc.constantFrom(200, 200, 200, 404, 500, 302),
        async (text, code) => {
          body = text;
          status = code;
          const asked = [peer.find(key, never), peer.changes(0, 1, never), peer.push([], never)];
          for (const outcome of await Promise.all(asked.map(codeOf))) {
            expect(["no fault", "hakmes/peer-nonsense", "hakmes/peer-refused"]).toContain(outcome);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  test("an answer without an end is given up", async () => {
    const endless = serve(
      () =>
        new Response(
          new ReadableStream({
            pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024).fill(32)),
          }),
        ),
    );
    expect(await codeOf(httpPeer(nodeNamed("b", { url: endless }), () => "").changes(0, 1, never))).toBe(
      "hakmes/peer-nonsense",
    );
  });
});

describe("enter", () => {
  test("a root that is not the blob its key says, or no manifest, is not entered", () => {
    const made = makeFile("a text");
    const catalog = catalogOf();
    const other = makeFile("another").manifest;
    expect(enter(catalog, { kind: "file", root: made.root, manifest: other, isProven: true }, sesameReader)).toBe(
      false,
    );
    const text = new TextEncoder().encode("warren hakmes file 1\n{}\n");
    const key = makeFile("warren hakmes file 1\n{}\n").file.key;
    expect(enter(catalog, { kind: "file", root: text, manifest: key, isProven: true }, sesameReader)).toBe(false);
    expect(catalog.sequence()).toBe(0);
  });

  test("a seal of this cluster is believed, one of another is not; what was refuted does not come back", () => {
    const catalog = catalogOf();
    const sealed = makeFile("sealed", { secret: "sesame" });
    const foreign = makeFile("foreign", { secret: "open" });
    const offer = ({ root, manifest }: typeof sealed) =>
      enter(catalog, { kind: "file", root, manifest, isProven: false }, sesameReader);
    expect([offer(sealed), offer(foreign)]).toEqual([true, true]);
    expect([catalog.find(sealed.file.key)?.isProven, catalog.find(foreign.file.key)?.isProven]).toEqual([true, false]);
    catalog.drop(foreign.file.key);
    expect(offer(foreign)).toBe(false);
  });
});
