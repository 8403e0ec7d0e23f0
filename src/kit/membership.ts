/**
 * The cluster over gossip: a Cluster (cluster.ts) that runs lib/memberlist, tells the others about this node's services,
 * and remembers on disk whom it has met. A member's name is its permanent id, so two nodes with one id show up as a
 * conflict. With a cluster secret gossip is encrypted with a key derived from it.
 *
 * Remembering matters: a node that restarts alone still knows how many there were, and does not take itself for all.
 */
import { hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import { Keyring } from "../lib/memberlist/keyring.ts";
import { createMemberlist } from "../lib/memberlist/memberlist.ts";
import type { Member } from "../lib/memberlist/roster.ts";
import { timings } from "../lib/memberlist/timing.ts";
import { sameText } from "./auth/same-text.ts";
import { takenBy } from "./bound-socket.ts";
import type { Clock } from "./clock.ts";
import type { Cluster, ClusterNode } from "./cluster.ts";
import { type Address, formatAddress, isPlainUrl, parseAddress } from "./config/address.ts";
import { replaceFile } from "./disk/atomic.ts";
import type { Events } from "./events.ts";
import { Fault, reasonOf } from "./fault.ts";
import { type Logger, silentLog } from "./log.ts";
import type { Random } from "./random.ts";

/** What the cluster is made of. */
export interface MembershipOptions {
  id: string;
  name: string;
  gossip: Address;
  /** Gossip addresses of others. */
  join: readonly Address[];
  secret: string | undefined;
  /** Where the memory of other nodes is kept. */
  dataFolder: string;
  clock: Clock;
  random: Random;
  log: Logger;
  events: Events;
}

/** A Cluster that can be started and stopped. */
export interface Membership extends Cluster {
  /** Binds the gossip port. The URL of this node must have been told before. */
  start(baseUrl: string): Promise<void>;
  /** The address that gossip is bound to, once started. */
  address(): string;
  stop(): Promise<void>;
}

/** After so long without an answer from any node to be joined, the operator is told. */
const lonelyMs = 8000;
const memoryName = "members.json";
/** Nodes that are taken note of; who has the cluster's secret could otherwise make up as many as memory holds. */
const nodesMax = 1000;
/** What an id has to be, here and elsewhere. */
const idForm = /^[\w.-]{8,64}$/;
/** Names are shown on pages and terminals, so nothing in them may move a cursor or turn the writing round. */
const nameShape = z
  .string()
  .max(128)
  .transform((name) => name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd"));
const urlShape = z.string().max(256).refine(isPlainUrl);
const tellsShape = z.record(z.string().max(64), z.unknown());
const metaShape = z.object({
  /** The node's name. */
  n: nameShape,
  /** Its base URL. */
  u: urlShape,
  /** Its services: what each tells, and its URL where that is not `<base>/<service>`. */
  s: z.record(z.string().max(32), z.object({ u: urlShape.optional(), t: tellsShape.optional() })),
});
const rememberedShape = z.object({
  id: z.string().regex(idForm),
  name: nameShape,
  gossip: z.string().refine(isAddress),
  // A node that is remembered without it tells it again.
  meta: metaShape.optional().catch(undefined),
});

/** What nodes tell each other beside gossip. */
const forgetShape = z.object({ forget: z.string().max(64) });

type Meta = z.infer<typeof metaShape>;
interface Remembered {
  id: string;
  name: string;
  gossip: string;
  meta?: Meta | undefined;
}

/** Prepares the cluster of a node. */
export function createMembership(options: MembershipOptions): Membership {
  const { clock, log, events } = options;
  const memoryPath = join(options.dataFolder, memoryName);
  const remembered = new Map<string, Remembered>();
  for (const entry of readMemory(memoryPath, log)) if (entry.id !== options.id) remembered.set(entry.id, entry);
  const startedMs = clock.monotonicMs();
  const listeners = new Set<() => void>();
  const services = new Map<string, { url: string; tells: Record<string, unknown> }>();
  const secret = options.secret ?? "";
  let baseUrl = "";
  let snapshot: readonly ClusterNode[] | undefined;
  let saving = Promise.resolve();
  let unsaved = false;
  let telling = false;
  let crowded = false;
  let running = false;
  let cancelLonely = () => {};

  const derived = (purpose: string, length: number) =>
    new Uint8Array(hkdfSync("sha256", secret, "warren cluster", purpose, length));
  const list = createMemberlist({
    name: options.id,
    listen: { host: options.gossip.host, port: options.gossip.port },
    seeds: [...new Set([...options.join.map(formatAddress), ...[...remembered.values()].map((entry) => entry.gossip)])],
    ...(secret === "" ? {} : { keyring: new Keyring([derived("gossip", 32)]) }),
    label: "warren",
    // A node that comes back at another address is taken back as soon as its former self counts as dead.
    timing: { ...timings.lan, reclaimMs: 0, pushPullIntervalMs: 10_000 },
    clock,
    random: options.random,
  });

  const encode = (): Uint8Array => {
    const told: Meta["s"] = {};
    for (const [name, { url, tells }] of services) {
      told[name] = {
        ...(url === `${baseUrl}/${name}` ? {} : { u: url }),
        ...(Object.keys(tells).length === 0 ? {} : { t: tells }),
      };
    }
    return new TextEncoder().encode(
      JSON.stringify({ n: options.name.slice(0, 64), u: baseUrl, s: told } satisfies Meta),
    );
  };
  const changed = () => {
    snapshot = undefined;
    if (telling) return;
    // One message may bring news of many nodes; whoever listens reckons the whole ring anew each time.
    telling = true;
    queueMicrotask(() => {
      telling = false;
      for (const listener of listeners) listener();
    });
  };
  const save = () => {
    if (unsaved) return;
    unsaved = true;
    saving = saving
      .then(() => {
        unsaved = false;
        return replaceFile(memoryPath, `${JSON.stringify([...remembered.values()], null, 2)}\n`);
      })
      .catch((thrown: unknown) => log.warn("Cannot remember the nodes of the cluster", { reason: reasonOf(thrown) }));
  };
  /** Whether a member is a node of this cluster: one with a proper id, as long as there are not too many. */
  const isNode = ({ name }: Member): boolean => {
    if (name === options.id || remembered.has(name)) return true;
    if (!idForm.test(name)) {
      log.warn("A member of the gossip whose id is not that of a node is ignored", { id: name.slice(0, 100) });
      return false;
    }
    if (remembered.size < nodesMax - 1) return true;
    if (!crowded) {
      crowded = true;
      events.add("node", "bad", `More than ${nodesMax} nodes gossip here: further ones are ignored`);
    }
    return false;
  };
  const meet = (member: Member) => {
    const meta = decode(member.meta);
    const entry: Remembered = {
      id: member.name,
      name: meta?.n ?? member.name,
      gossip: formatAddress({ host: member.address, port: member.port }),
      ...(meta ? { meta } : {}),
    };
    if (JSON.stringify(remembered.get(member.name)) !== JSON.stringify(entry)) {
      remembered.set(member.name, entry);
      save();
    }
    changed();
  };
  const named = (member: Member) => decode(member.meta)?.n ?? member.name;
  list.on("join", (member) => {
    if (!isNode(member)) return;
    meet(member);
    events.add("node", "good", `Node ${named(member)} is here`);
  });
  list.on("update", (member) => {
    if (isNode(member)) meet(member);
  });
  list.on("suspect", changed);
  list.on("alive", changed);
  list.on("dead", (member) => {
    if (!remembered.has(member.name)) return;
    changed();
    events.add("node", "warn", `Node ${named(member)} does not answer any more`);
  });
  list.on("left", (member) => {
    if (!remembered.delete(member.name)) return;
    save();
    changed();
    events.add("node", "info", `Node ${named(member)} has left the cluster`);
  });
  list.on("conflict", (conflict) => {
    events.add(
      "node",
      "bad",
      `Two nodes claim to be ${conflict.name}: give one of them another id, or its own data folder`,
    );
  });

  const nodeOf = (
    id: string,
    name: string,
    meta: Meta | undefined,
  ): Omit<ClusterNode, "state" | "goneMs" | "self"> => ({
    id,
    name,
    services: Object.fromEntries(
      Object.entries(meta?.s ?? {}).map(([service, told]) => [
        service,
        { url: told.u ?? `${meta?.u ?? ""}/${service}`, tells: told.t ?? {} },
      ]),
    ),
  });

  /** Why a node cannot be forgotten; undefined once it is. */
  const forgetHere = (id: string): Fault | undefined => {
    const node = look().find((known) => known.id === id);
    if (!node) return new Fault("missing", "node/unknown", `Cannot forget "${id}": no node of that id is known`);
    if (node.state === "alive" || node.state === "suspect") {
      return new Fault("conflict", "node/alive", `Cannot forget "${id}": it is alive; drain it or stop it first`);
    }
    remembered.delete(id);
    save();
    changed();
    events.add("node", "info", `Node ${node.name} is forgotten: what only it held is lost`);
    return undefined;
  };
  list.on("message", ({ payload }) => {
    const parsed = forgetShape.safeParse(parsedJson(payload));
    if (parsed.success) forgetHere(parsed.data.forget);
  });

  const look = (): readonly ClusterNode[] => {
    const nowMs = clock.monotonicMs();
    const nodes = new Map<string, ClusterNode>();
    for (const { id, name, meta } of remembered.values()) {
      nodes.set(id, { ...nodeOf(id, name, meta), state: "dead", goneMs: nowMs - startedMs, self: false });
    }
    for (const member of running ? list.members() : []) {
      if (member.name === options.id || !remembered.has(member.name)) continue;
      const gone = member.state === "dead" || member.state === "left";
      const meta = decode(member.meta) ?? remembered.get(member.name)?.meta;
      nodes.set(member.name, {
        ...nodeOf(member.name, meta?.n ?? member.name, meta),
        state: member.state,
        goneMs: gone ? nowMs - member.stateSinceMs : 0,
        self: false,
      });
    }
    nodes.set(options.id, {
      id: options.id,
      name: options.name,
      services: Object.fromEntries(services),
      state: "alive",
      goneMs: 0,
      self: true,
    });
    return [...nodes.values()].sort((left, right) => (left.id < right.id ? -1 : 1));
  };

  return {
    selfId: options.id,
    nodes() {
      // Only the passing of time changes a snapshot between events, and only for nodes that are gone.
      if (snapshot?.every((node) => node.goneMs === 0)) return snapshot;
      snapshot = look();
      return snapshot;
    },
    expected: () => (remembered.size === 0 ? 1 + options.join.length : 1 + remembered.size),
    tell(service, url, tells) {
      services.set(service, { url, tells });
      if (running) list.updateMeta(encode());
      changed();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    join: (addresses) => list.join(addresses),
    async forget(id) {
      const refused = forgetHere(id);
      if (refused) throw refused;
      const told = new TextEncoder().encode(JSON.stringify({ forget: id }));
      const others = list.members().filter((member) => member.state === "alive" && member.name !== options.id);
      // Whoever cannot be told now can be told again; nothing breaks while views differ.
      await Promise.allSettled(others.map((member) => list.sendTo(member, told, { reliable: true })));
      await saving;
    },
    async leave() {
      if (running) await list.leave(5000);
    },
    isSecret: (text) => secret !== "" && sameText(secret, text),
    secretFor: (purpose) => (secret === "" ? "" : Buffer.from(derived(purpose, 32)).toString("hex")),
    async start(url) {
      baseUrl = url;
      const meta = encode();
      if (meta.byteLength > 512) {
        throw new Fault(
          "invalid",
          "node/meta",
          `Cannot tell the other nodes about ${services.size} services: the names and URLs are too long`,
        );
      }
      try {
        list.updateMeta(meta);
        await list.start();
      } catch (thrown) {
        const address = formatAddress(options.gossip);
        throw new Fault(
          "unavailable",
          "node/gossip",
          `Cannot gossip on ${address}: ${takenBy(thrown, "tcp", options.gossip.port) ?? reasonOf(thrown)}; set gossip in [node] to another address`,
          { cause: thrown },
        );
      }
      running = true;
      changed();
      if (options.join.length === 0 || remembered.size > 0) return;
      const seeds = options.join.map(formatAddress).join(", ");
      cancelLonely = clock.schedule(lonelyMs, () => {
        if (remembered.size > 0) return;
        events.add(
          "node",
          "warn",
          `No node answered yet at ${seeds}: is it running there, and is the cluster secret the same?`,
        );
      });
    },
    address: () => (running ? formatAddress({ host: list.self.address, port: list.self.port }) : ""),
    async stop() {
      running = false;
      cancelLonely();
      await list.stop();
      await saving;
    },
  };
}

/** What metadata was found to say; a member keeps the same bytes until it tells something new. */
const decoded = new WeakMap<Uint8Array, { meta: Meta | undefined }>();

function decode(bytes: Uint8Array): Meta | undefined {
  let known = decoded.get(bytes);
  if (!known) {
    const parsed = metaShape.safeParse(parsedJson(bytes));
    known = { meta: parsed.success ? parsed.data : undefined };
    decoded.set(bytes, known);
  }
  return known.meta;
}

function isAddress(text: string): boolean {
  try {
    parseAddress(text);
    return true;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return false;
    throw thrown;
  }
}

/** What some bytes say as JSON; undefined when they say nothing. */
function parsedJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

/** URLs of the nodes that a data folder remembers, for whoever wants to look at them without being one of them. */
export function rememberedUrls(dataFolder: string): string[] {
  return readMemory(join(dataFolder, memoryName), silentLog).flatMap(({ meta }) => (meta ? [meta.u] : []));
}

function readMemory(path: string, log: Logger): Remembered[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return [];
    throw new Fault("internal", "node/memory", `Cannot read ${path}: look at its permissions`, { cause: thrown });
  }
  try {
    const entries = z.array(z.unknown()).parse(JSON.parse(text));
    const known = entries.flatMap((entry) => rememberedShape.safeParse(entry).data ?? []);
    if (known.length < entries.length) log.warn("Some of the memory of other nodes cannot be read", { path });
    return known;
  } catch (thrown) {
    // A node that forgot the others would take itself for a majority.
    throw new Fault(
      "invalid",
      "node/memory",
      `Cannot read ${path}: it is damaged; move it away if this node may forget which others there are, and it will meet them anew`,
      { cause: thrown },
    );
  }
}
