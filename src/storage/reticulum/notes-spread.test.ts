/** Other nodes may be slow, endless or mad; what they say is bounded, and the good ones are heard all the same. */
import { expect, test } from "bun:test";

import { until } from "../../kit/testing/child-node.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import type { Cluster } from "../../kit/cluster.ts";
import type { Key } from "../cask/client.ts";
import { silent } from "./node-fixture.ts";
import { focusNote, type Note } from "./notes.ts";
import { NotesSpread } from "./notes-spread.ts";
import { Notes } from "./notes-sqlite.ts";

const image = `sha256:${"a".repeat(64)}` as Key;

/** Nodes that answer as they are told. */
function peers(answers: Record<string, (url: URL) => Response | Promise<Response>>) {
  const asked: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const url = new URL(request.url);
      const name = url.pathname.split("/")[1] ?? "";
      asked.push(name);
      return answers[name]?.(url) ?? new Response(null, { status: 404 });
    },
  });
  const nodes = Object.keys(answers).map((name) => ({
    id: name,
    name,
    state: "alive" as const,
    goneMs: 0,
    self: false,
    services: { reticulum: { url: `${server.url}${name}`, tells: {} } },
  }));
  const cluster: Cluster = {
    selfId: "self",
    nodes: () => nodes,
    tell: () => undefined,
    expected: () => nodes.length,
    subscribe: () => () => undefined,
    join: async () => 0,
    forget: async () => undefined,
    leave: async () => undefined,
    isSecret: () => false,
    secretFor: () => "",
  };
  return { asked, cluster, [Symbol.dispose]: () => void server.stop(true) };
}

test("work: a node that hangs, one without end and one of endless pages keep nobody from hearing a good one", async () => {
  const clock = new ManualClock();
  const note = focusNote(image, { x: 0.5, y: 0.5 }, clock.now());
  const first = JSON.stringify({ id: "good", notes: [], sequence: 1 });
  let pages = 0;
  const openings: string[] = [];
  const opened = (name: string, body: (controller: ReadableStreamDefaultController<Uint8Array>) => void) =>
    new Response(
      new ReadableStream<Uint8Array>({
        start: () => void openings.push(name),
        pull: (controller) => body(controller),
      }),
    );
  using others = peers({
    hangs: () =>
      opened("hangs", (controller) => {
        controller.enqueue(new TextEncoder().encode("{"));
        return new Promise<void>(() => undefined);
      }),
    endless: () => opened("endless", (controller) => controller.enqueue(new Uint8Array(65_536).fill(32))),
    pages: (url) =>
      Response.json({ id: "p", notes: [], sequence: url.search === "" ? Number.MAX_SAFE_INTEGER : ++pages }),
    good: (url) => new Response(url.search === "" ? first : JSON.stringify({ id: "good", notes: [note], sequence: 1 })),
  });
  const notes = new Notes(":memory:");
  const learn = (found: readonly Note[]) => notes.add(found);
  const spread = new NotesSpread({ notes, cluster: others.cluster, clock, log: silent, secret: () => "", learn });
  const step = spread.work().step(new AbortController().signal);
  await until("the first hangs", () => openings.includes("hangs") && clock.waiting > 0);
  clock.advance(3000);
  await step;
  expect(notes.focus(image)).toEqual({ x: 0.5, y: 0.5 });
  expect(pages).toBeLessThan(1000);
  expect(spread.work().progress?.()).toMatchObject({ notes: 1, nodes: 2 });
  notes.close();
}, 120_000);
