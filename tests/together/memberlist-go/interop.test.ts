/**
 * Nodes of ours and of hashicorp/memberlist in one cluster on real sockets: in the clear with the settings of the original Cask
 * (local profile, compression, JSON metadata), and encrypted with AES-256 under a label. Both sides have to agree on everything.
 */
import { join } from "node:path";
import { afterAll, describe, expect, test } from "bun:test";
import { createMemberlist, type Memberlist } from "../../../src/lib/memberlist/memberlist.ts";
import type { MemberlistOptions } from "../../../src/lib/memberlist/options.ts";
import { Keyring } from "../../../src/lib/memberlist/keyring.ts";
import { GoNode, type GoSettings } from "./go-node.ts";
import { buildGoProgram } from "../../../src/kit/testing/go-program.ts";

const program = await buildGoProgram(join(import.meta.dir, "node"));
if ("missing" in program) console.warn(`Skipped: real memberlist nodes cannot be run, because ${program.missing}`);
const path = "path" in program ? program.path : "";
afterAll(() => {
  if ("path" in program) program.remove();
});

const text = (value: Uint8Array) => new TextDecoder().decode(value);
const bytes = (value: string) => new TextEncoder().encode(value);

/** Waits until `condition` holds; fails after `timeoutMs`. */
async function until(what: string, condition: () => boolean | Promise<boolean>, timeoutMs = 40_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Gave up waiting until ${what}`);
    await Bun.sleep(20);
  }
}

const keyHex = "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef";
const meta = (name: string) =>
  `{"uuid":"${name}","base_url":"http://127.0.0.1/${name}","writeable":true,"secret":"s","neighbors":null}`;

interface Variant {
  readonly go: Partial<GoSettings>;
  readonly ours: () => Partial<MemberlistOptions>;
}

const variants: Record<string, Variant> = {
  "in the clear, local profile": { go: { profile: "local" }, ours: () => ({ timing: "local" }) },
  "AES-256 with a label, local profile": {
    go: { profile: "local", key: keyHex, label: "blue" },
    ours: () => ({
      timing: "local",
      label: "blue",
      keyring: new Keyring([new Uint8Array(Buffer.from(keyHex, "hex"))]),
    }),
  },
};

class Ours {
  readonly node: Memberlist;
  readonly told: string[] = [];
  readonly states: string[] = [];

  constructor(name: string, options: Partial<MemberlistOptions>) {
    this.node = createMemberlist({
      name,
      listen: { host: "127.0.0.1" },
      meta: bytes(meta(name)),
      localState: () => bytes(`state of ${name}`),
      mergeState: (state) => this.states.push(text(state)),
      ...options,
    });
    for (const event of ["join", "left", "dead", "update"] as const) {
      this.node.on(event, (member) => this.told.push(`${event} ${member.name}`));
    }
    this.node.on("message", ({ payload }) => this.told.push(`message ${text(payload.subarray(0, 40))}`));
  }

  alive(): string[] {
    const members = this.node.members().filter(({ state }) => state === "alive");
    return members.map(({ name }) => name).sort();
  }

  metaOf(name: string): string {
    return text(this.node.members().find((member) => member.name === name)?.meta ?? bytes(""));
  }

  heard(what: string): () => boolean {
    return () => this.told.includes(what);
  }
}

describe.each(Object.entries(variants))("hashicorp/memberlist %s", (_, variant) => {
  test.skipIf(path === "")(
    "Memberlist: both sides agree on join, state, metadata, messages, leave and failure",
    async () => {
      const settings = (name: string) => ({ name, meta: meta(name), state: `state of ${name}`, ...variant.go });
      const started: { go: GoNode[]; ours: Ours[] } = { go: [], ours: [] };
      const startGo = async (name: string) => {
        const node = await GoNode.start(path, settings(name));
        started.go.push(node);
        return node;
      };
      const startOurs = async (name: string, seeds: string[]) => {
        const ours = new Ours(name, { ...variant.ours(), seeds });
        started.ours.push(ours);
        await ours.node.start();
        return ours;
      };
      try {
        const go1 = await startGo("go1");
        const ours1 = await startOurs("ours1", [go1.address]);
        const ours2 = await startOurs("ours2", [go1.address]);
        const go2 = await startGo("go2");
        // A Go node joins through one of ours, as ours joined through a Go node.
        await go2.command(`join ${ours1.node.self.address}:${ours1.node.self.port}`);
        const everybody = ["go1", "go2", "ours1", "ours2"];
        const agree = async (names: string[], who: { go: GoNode[]; ours: Ours[] }) => {
          await until(`all see ${names.join(", ")}`, async () => {
            if (!who.ours.every((ours) => Bun.deepEquals(ours.alive(), names))) return false;
            const seen = await Promise.all(who.go.map((go) => go.members()));
            return seen.every((members) => Bun.deepEquals(members, names));
          });
        };
        await agree(everybody, started);

        // Metadata and push/pull state, both ways.
        expect((await go1.event("join", ({ name }) => name === "ours1")).meta).toBe(meta("ours1"));
        expect(ours2.metaOf("go2")).toBe(meta("go2"));
        await go1.event("state", (event) => event.text === "state of ours1" && event.join === true);
        await go2.event("state", (event) => event.text === "state of ours1");
        await until("the state of go1 came", () => ours1.states.includes("state of go1"));
        await until("the state of go2 came", () => ours1.states.includes("state of go2"));

        // Changed metadata, both ways.
        ours1.node.updateMeta(bytes("changed ours1"));
        await go2.event("update", (event) => event.name === "ours1" && event.meta === "changed ours1");
        await go2.command("meta changed go2");
        await until("the metadata of go2 changed", () => ours2.metaOf("go2") === "changed go2");

        // Messages, both ways, by datagram and by stream; the long one is compressed.
        const go1Member = ours1.node.members().find(({ name }) => name === "go1");
        if (go1Member === undefined) throw new Error("go1 is a member");
        await ours1.node.sendTo(go1Member, bytes("datagram from ours"));
        await go1.event("message", (event) => event.text === "datagram from ours");
        await ours1.node.sendTo(go1Member, bytes("stream from ours ".repeat(5000)), { reliable: true });
        await go1.event("message", (event) => event.size === 85_000);
        await go1.command("send ours1 datagram from go");
        await until("the datagram came", ours1.heard("message datagram from go"));
        await go1.command(`reliable ours1 ${"stream from go ".repeat(3000)}`);
        await until("the stream came", ours1.heard(`message ${"stream from go ".repeat(3).slice(0, 40)}`));
        // Whoever was silent for a moment may be suspected for another one.
        await until("ours2 suspects nobody", () => ours2.alive().length === 4);
        expect(ours2.node.broadcast(bytes("to everybody"))).toBe(3);
        await Promise.all([go1, go2].map((go) => go.event("message", (event) => event.text === "to everybody")));

        // A Go node leaves; ours sees that it left rather than died.
        await go2.command("leave");
        await until("go2 left", () => [ours1, ours2].every((ours) => ours.heard("left go2")()));
        await go2.kill();
        await agree(["go1", "ours1", "ours2"], { go: [go1], ours: [ours1, ours2] });

        // One of ours leaves and comes back under the same name and another address.
        expect(await ours2.node.leave(10_000)).toBe(true);
        await ours2.node.stop();
        await go1.event("leave", ({ name }) => name === "ours2");
        const ours3 = await startOurs("ours2", [go1.address]);
        await agree(["go1", "ours1", "ours2"], { go: [go1], ours: [ours1, ours3] });

        // A Go node is killed, one of ours stops without a word.
        const go3 = await startGo("go3");
        await go3.command(`join ${ours1.node.self.address}:${ours1.node.self.port}`);
        await agree(["go1", "go3", "ours1", "ours2"], { go: [go1, go3], ours: [ours1, ours3] });
        await go3.kill();
        await until("go3 is dead", () => [ours1, ours3].every((ours) => ours.heard("dead go3")()));
        await go1.event("leave", ({ name }) => name === "go3");
        await ours3.node.stop();
        await go1.event("leave", (event) => event.name === "ours2" && event.address === addressOf(ours3));
        await until("ours2 is dead", ours1.heard("dead ours2"));
        await agree(["go1", "ours1"], { go: [go1], ours: [ours1] });

        // Nobody ever failed to understand anybody, and nobody living was ever given up.
        expect(started.go.flatMap((go) => go.complaints)).toEqual([]);
        expect(started.ours.map((ours) => ours.node.health().packetsRefused)).toEqual([0, 0, 0]);
        expect(ours1.told.filter((line) => line.startsWith("dead"))).toEqual(["dead go3", "dead ours2"]);
      } finally {
        await Promise.all(started.ours.map((ours) => ours.node.stop()));
        await Promise.all(started.go.map((go) => go.kill()));
      }
    },
    120_000,
  );
});

describe("hashicorp/memberlist with other settings", () => {
  test.skipIf(path === "")(
    "Memberlist: another key or another label is kept out on both sides",
    async () => {
      const go = await GoNode.start(path, { name: "go1", key: keyHex, label: "blue" });
      const wrong = [
        new Ours("other-label", { label: "green", keyring: new Keyring([new Uint8Array(Buffer.from(keyHex, "hex"))]) }),
        new Ours("other-key", { label: "blue", keyring: new Keyring([new Uint8Array(32)]) }),
        new Ours("no-key", { label: "blue" }),
      ];
      try {
        for (const ours of wrong) {
          await ours.node.start();
          expect(await ours.node.join([go.address])).toBe(0);
          expect(ours.alive()).toEqual([ours.node.self.name]);
        }
        expect(await go.members()).toEqual(["go1"]);
      } finally {
        await Promise.all(wrong.map((ours) => ours.node.stop()));
        await go.kill();
      }
    },
    120_000,
  );
});

function addressOf(ours: Ours): string {
  return `${ours.node.self.address}:${ours.node.self.port}`;
}
