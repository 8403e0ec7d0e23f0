import { expect, test } from "bun:test";

import { freshToken, startWindsock } from "../node-fixture.ts";

test("events and poll: a node that stops says so, and that one may come back, before they end", async () => {
  const node = await startWindsock();
  const query = new URLSearchParams({ prefix: "room", token: freshToken("ann", "room") }).toString();
  const read = async (path: string) => (await fetch(`${node.url}${path}`)).json() as Promise<Record<string, unknown>>;
  const events = (await fetch(`${node.url}/events?${query}`)).text();
  const { position } = await read(`/poll?${query}`);
  const clientsAre = async (count: number) => {
    while ((await read("/debug/vars"))["NumClients"] !== count) continue;
  };
  // The first poll may still be on its way out, and would be taken for the second.
  await clientsAre(1);
  const polled = read(`/poll?${query}&wait=20&since=${String(position)}`);
  await clientsAre(2);
  await node.stop();
  const end = { code: 3000, reason: "the server stops", reconnect: true };
  expect(await events).toEndWith(`event: end\ndata: ${JSON.stringify(end)}\n\n`);
  expect(await polled).toEqual({ end });
});
