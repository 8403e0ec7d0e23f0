import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openTokens, tokensPath } from "./auth/tokens.ts";
import { systemClock } from "./clock.ts";
import { section } from "./config/declaration.ts";
import { loadConfig } from "./config/load.ts";
import { nodeSection } from "./config/node.ts";
import { Fault } from "./fault.ts";
import { createLog, type LogEntry, silentLog } from "./log.ts";
import { type Node, type NodeParts, startNode } from "./node.ts";
import { systemRandom } from "./random.ts";
import type { RunningService, Service, ServiceContext, ServiceEntry } from "./service.ts";

const folders: string[] = [];
const nodes: Node[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

interface Toy {
  entry: ServiceEntry;
  service: Service<object>;
  options: { enabled: boolean; listen: { host: string; port: number } | undefined };
}

const story: string[] = [];

function toy(name: string, more: Partial<RunningService> & { fails?: Fault; ownAddress?: boolean } = {}): Toy {
  const service: Service<object> = {
    name,
    config: section(name, `a toy named ${name}`, {}),
    start(context: ServiceContext<object>) {
      story.push(`start ${name}`);
      if (more.fails) return Promise.reject(more.fails);
      return Promise.resolve({
        handle: (request, caller) => {
          const path = new URL(request.url).pathname.slice(context.mountPath.length);
          if (path === "/fault") throw new Fault("conflict", "toy/conflict", "Cannot do it: it is done already");
          const alpha = context.reach("alpha");
          if (path === "/reach") return Response.json({ url: alpha?.baseUrl, pages: alpha?.pagePath ?? "none" });
          if (path === "/bug") throw new Error("secret inside");
          if (path === "/late-bug") return Promise.reject(new Error("secret inside"));
          return Response.json({ path, name: caller.name, mount: context.mountPath, url: context.baseUrl });
        },
        health: () => [{ name: "toy", state: "ok" as const, sentence: `${name} is well` }],
        workers: [],
        stop() {
          story.push(`stop ${name}`);
          return Promise.resolve();
        },
        ...more,
      });
    },
  };
  const entry: ServiceEntry = {
    name,
    group: "ops",
    summary: `toy ${name}`,
    byDefault: true,
    load: () => Promise.resolve(service),
  };
  return {
    entry,
    service,
    options: { enabled: true, listen: more.ownAddress ? { host: "127.0.0.1", port: 0 } : undefined },
  };
}

async function start(
  toys: readonly Toy[],
  more: Partial<NodeParts> = {},
  flags: Record<string, string> = {},
  folder?: string,
): Promise<Node> {
  const data = folder ?? mkdtempSync(join(tmpdir(), "warren-node-"));
  if (!folder) folders.push(data);
  const given = Object.entries({ data, listen: "127.0.0.1:0", ...flags });
  const config = await loadConfig({
    sections: [nodeSection],
    flags: given.map(([key, text]) => ({ section: "node", key, text, shown: key })),
  });
  const log = { ...silentLog, recent: (): LogEntry[] => [] };
  const node = await startNode({
    options: config.get(nodeSection),
    services: toys,
    catalogue: toys.map(({ entry }) => entry),
    alone: false,
    version: "1.2.3",
    clock: systemClock,
    random: systemRandom,
    log,
    ...more,
  });
  nodes.push(node);
  return node;
}

describe("startNode", () => {
  test("services start in order, are mounted under their names, and stop in reverse", async () => {
    story.length = 0;
    const node = await start([toy("alpha"), toy("beta")]);
    const answer = (await (await fetch(`${node.url}/beta/some/where`)).json()) as Record<string, string>;
    expect(answer).toEqual({ path: "/some/where", name: "anonymous", mount: "/beta", url: `${node.url}/beta` });
    expect((await fetch(`${node.url}/betamax`)).status).toBe(404);
    await node.stop();
    await node.stop();
    expect(story).toEqual(["start alpha", "start beta", "stop beta", "stop alpha"]);
  });

  test("while services start whoever asks is told to come again, and not that there is no such page", async () => {
    const told: unknown[] = [];
    const curious = (ownAddress: boolean): Toy => {
      const made = toy("beta", { ownAddress });
      const start = async (context: ServiceContext<object>) => {
        for (const headers of [{}, { Authorization: "Bearer of another kind", Origin: "https://elsewhere.example" }]) {
          const answer = await fetch(`${context.baseUrl}/x`, { headers });
          told.push([answer.status, answer.headers.get("retry-after"), await answer.text()]);
        }
        return made.service.start(context);
      };
      return { ...made, service: { ...made.service, start } };
    };
    for (const ownAddress of [false, true]) {
      const node = await start([toy("alpha"), curious(ownAddress)]);
      expect((await fetch(`${node.services()[1]?.address}x`)).status).toBe(200);
    }
    expect(told).toEqual(Array.from({ length: 4 }, () => [503, "1", "Cannot answer yet: the node is starting\n"]));
  });

  test("a service with an address of its own stands at its root", async () => {
    const node = await start([toy("alpha", { ownAddress: true })]);
    const [status] = node.services();
    const answer = (await (await fetch(`${status?.address}x`)).json()) as Record<string, string>;
    expect([answer.path, answer.mount]).toEqual(["/x", ""]);
    expect((await fetch(`${node.url}/alpha/x`)).status).toBe(404);
  });

  test("a service is told where pages of its own find another one: nowhere, where they come from another address", async () => {
    const asks = async (alphaApart: boolean, betaApart: boolean) => {
      const node = await start([toy("alpha", { ownAddress: alphaApart }), toy("beta", { ownAddress: betaApart })]);
      const [alpha, beta] = node.services();
      const told = (await (await fetch(`${beta?.address}reach`)).json()) as { url: string; pages: string };
      expect(`${told.url}/`).toBe(alpha?.address ?? "");
      return told.pages;
    };
    expect(await asks(false, false)).toBe("/alpha");
    expect(await asks(true, false)).toBe("none");
    expect(await asks(false, true)).toBe("none");
    expect(await asks(true, true)).toBe("none");
  });

  test("a service that cannot start takes the node down, undone and told; all failures at once", async () => {
    story.length = 0;
    const folder = mkdtempSync(join(tmpdir(), "warren-node-"));
    folders.push(folder);
    const failing = [
      toy("alpha"),
      toy("beta", { fails: new Fault("invalid", "toy/b", "beta cannot") }),
      toy("gamma", { fails: new Fault("invalid", "toy/c", "gamma cannot") }),
    ];
    const thrown: unknown = await start(failing, {}, {}, folder).catch((failure: unknown) => failure);
    expect(thrown).toBeInstanceOf(Fault);
    expect((thrown as Fault).message).toBe("beta cannot\ngamma cannot");
    expect(story).toEqual(["start alpha", "start beta", "start gamma", "stop alpha"]);
    // Nothing holds the folder any more.
    await start([toy("alpha")], {}, {}, folder);
  });

  test("a path that is a right is no part of any log", async () => {
    const lines: string[] = [];
    const log = createLog({ clock: systemClock, level: "info", format: "json", write: (line) => lines.push(line) });
    const secretive = toy("alpha", { loggedPath: (path) => path.replace(/^\/key\/.*/, "/key/***") });
    const failing = toy("beta", {
      handle: () => {
        throw new Error("a bug");
      },
      loggedPath: () => "/***",
    });
    const node = await start([secretive, failing], { log }, { access_log: "true" });
    for (const path of ["/alpha/key/hush-1", "/alpha/plain", "/beta/hush-2"])
      await (await fetch(`${node.url}${path}`)).text();
    const text = lines.join("\n");
    expect(text).not.toContain("hush");
    for (const shown of ["/alpha/key/***", "/alpha/plain", "/beta/***"]) expect(text).toContain(JSON.stringify(shown));
    expect(text).toContain("A request failed");
  });

  test("the identity is made once and kept", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-node-"));
    folders.push(folder);
    const first = await start([], {}, {}, folder);
    await first.stop();
    const second = await start([], {}, {}, folder);
    expect(second.id).toBe(first.id);
    expect(existsSync(join(folder, "node-id"))).toBe(true);
  });

  test("faults and bugs become answers; a bug's text stays inside", async () => {
    const entries: string[] = [];
    const log = createLog({ level: "debug", format: "text", clock: systemClock, write: (line) => entries.push(line) });
    const node = await start([toy("alpha")], { log });
    const conflict = await fetch(`${node.url}/alpha/fault`);
    expect([conflict.status, await conflict.text()]).toEqual([409, "Cannot do it: it is done already\n"]);
    for (const path of ["bug", "late-bug"]) {
      const bug = await fetch(`${node.url}/alpha/${path}`, {
        headers: { "X-Request-Id": `test-${path}`, Accept: "application/json" },
      });
      expect(bug.status).toBe(500);
      const text = await bug.text();
      expect(text).not.toContain("secret inside");
      expect(text).toContain(`test-${path}`);
      expect(entries.join("")).toContain("secret inside");
      expect(entries.join("")).toContain(`test-${path}`);
    }
    const page = await fetch(`${node.url}/alpha/fault`, { headers: { Accept: "text/html,*/*;q=0.1" } });
    expect(page.headers.get("content-type")).toStartWith("text/html");
    expect(await page.text()).toContain("it is done already");
  });

  test("health, readiness and metrics are on every address", async () => {
    const node = await start([toy("alpha", { ownAddress: true })]);
    for (const url of [node.url, (node.services()[0]?.address ?? "").replace(/\/$/, "")]) {
      expect(await (await fetch(`${url}/healthz`)).text()).toBe("ok\n");
      expect(await (await fetch(`${url}/readyz`)).text()).toBe("ready\nok  toy: alpha is well\n");
      expect(await (await fetch(`${url}/metrics`)).text()).toContain('warren_node_info{version="1.2.3"} 1');
    }
  });

  test("a failed finding makes the node not ready", async () => {
    const node = await start([
      toy("alpha", { health: () => [{ name: "disk", state: "failed", sentence: "the disk is gone" }] }),
    ]);
    const answer = await fetch(`${node.url}/readyz`);
    expect([answer.status, await answer.text()]).toEqual([503, "not ready\nfailed  disk: the disk is gone\n"]);
  });

  test("with a token, a browser signs in and out, and wrong tokens get nowhere", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-node-"));
    folders.push(folder);
    const tokens = openTokens(tokensPath(folder), { clock: systemClock, log: silentLog });
    const { token } = tokens.create({ name: "me", grants: [{ service: "*", scope: "admin" }] });
    tokens.close();
    const node = await start([toy("alpha")], {}, {}, folder);
    const page = await fetch(`${node.url}/alpha/x`, { headers: { Accept: "text/html" } });
    expect([page.status, (await page.text()).includes('name="token"')]).toEqual([401, true]);
    const signIn = (text: string, to: string) =>
      fetch(`${node.url}/sign-in`, {
        method: "POST",
        body: new URLSearchParams({ token: text, to }),
        redirect: "manual",
      });
    expect((await signIn("wrong", "/alpha/x")).status).toBe(403);
    for (const evil of ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)"]) {
      expect((await signIn(token, evil)).headers.get("location")).toBe("/");
    }
    const entered = await signIn(token, "/alpha/x?y=1");
    expect([entered.status, entered.headers.get("location")]).toEqual([303, "/alpha/x?y=1"]);
    const cookie = (entered.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
    expect(entered.headers.get("set-cookie")).toContain("HttpOnly; SameSite=Strict");
    const seen = await fetch(`${node.url}/alpha/x`, { headers: { Cookie: cookie } });
    expect(await seen.json()).toMatchObject({ name: "me" });
    const out = await fetch(`${node.url}/sign-out`, {
      method: "POST",
      headers: { Cookie: cookie },
      redirect: "manual",
    });
    expect(out.headers.get("set-cookie")).toContain("Max-Age=0");
    expect((await fetch(`${node.url}/metrics`)).status).toBe(401);
    expect((await fetch(`${node.url}/healthz`)).status).toBe(200);
  });
});
