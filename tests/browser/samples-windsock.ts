/** Sample views of Windsock's pages: busy ones, nothing at all, hostile and endless words. */
import type { ChatView, OverviewView, TapView } from "../../src/wires/windsock/pages/view.ts";
import { hostileName, sampleNow } from "./samples-console.ts";

const endless = "x".repeat(300);
const mountPath = "/windsock";
const now = sampleNow;

const quiet: OverviewView = {
  mountPath,
  now,
  clients: 0,
  publications: 0,
  deliveries: 0,
  gaps: 0,
  perMinute: 0,
  keptCount: 0,
  keptBytes: 0,
  topics: [],
  connections: [],
  mayPublish: true,
  mayTap: true,
  flash: undefined,
  draft: { address: "", content: "" },
};

/** Topics and connections. */
export const windsockSamples: Record<string, OverviewView> = {
  busy: {
    ...quiet,
    clients: 3,
    publications: 1_234_567,
    deliveries: 45_678_901,
    perMinute: 4210,
    keptCount: 10_000,
    keptBytes: 12_345_678,
    topics: [
      { address: "shop.orders", listeners: 3, perMinute: 4200 },
      { address: "room.1", listeners: 2, perMinute: 10 },
    ],
    connections: ["websocket", "sse", "poll"].map((transport, at) => ({
      connection: `c${at}`,
      user: at === 2 ? "" : `user ${at}`,
      transport,
      address: "2001:db8:0:1234:5678:9abc:def0:1",
      topics: ["shop.*", "room.1", "a", "b", "c"].slice(0, at * 2 + 1),
      since: now - at * 4_000_000,
      waitingBytes: at * 70_000,
    })),
    flash: { tone: "good", words: "Published to room.1." },
  },
  empty: quiet,
  trouble: {
    ...quiet,
    gaps: 3,
    publications: 9,
    mayTap: false,
    flash: { tone: "bad", words: "Cannot publish: the address is longer than 1024 bytes." },
    draft: { address: endless, content: '{"a":1}' },
  },
  hostile: {
    ...quiet,
    clients: 2,
    topics: [hostileName, endless].map((address) => ({ address, listeners: 1, perMinute: 1 })),
    connections: [hostileName, endless].map((word) => ({
      connection: word,
      user: word,
      transport: "websocket",
      address: "127.0.0.1",
      topics: [word],
      since: now,
      waitingBytes: 0,
    })),
    flash: { tone: "good", words: `Published to ${hostileName}${endless}.` },
    draft: { address: hostileName, content: hostileName },
  },
};

/** Messages as they come. */
export const tapSamples: Record<string, TapView> = {
  busy: {
    mountPath,
    now,
    topic: "shop.#",
    rows: [1, 2, 3].map((at) => ({
      position: `p-${at}`,
      at: now - at * 1000,
      address: "shop.orders",
      content: `{"order":${at},"items":["a","b"]}`,
    })),
    failure: undefined,
  },
  empty: { mountPath, now, topic: "nothing.here", rows: [], failure: undefined },
  hostile: {
    mountPath,
    now,
    topic: hostileName,
    rows: [hostileName, endless].map((word) => ({ position: word, at: now, address: word, content: word })),
    failure: undefined,
  },
  trouble: { mountPath, now, topic: endless, rows: [], failure: `Cannot take the topic "${endless}": it is too long.` },
};

const room: ChatView = {
  mountPath,
  now,
  room: "lobby",
  nick: "Ann",
  lines: [],
  present: [],
  mayTalk: true,
  failure: undefined,
};

/** A room to talk in. */
export const chatSamples: Record<string, ChatView> = {
  busy: {
    ...room,
    lines: ["Good morning", "And to you", "The new prices are in the shop since half past nine, please look"].map(
      (text, at) => ({ position: `p-${at}`, at: now - 60_000 * at, nick: at === 1 ? "Bob" : "Ann", text }),
    ),
    present: ["Ann", "Bob"],
  },
  empty: { ...room, mayTalk: false },
  hostile: {
    ...room,
    nick: hostileName.slice(0, 40),
    lines: [hostileName, endless].map((word) => ({ position: word, at: now, nick: word, text: word })),
    present: [hostileName, endless],
    failure: "Wanted a name and a message.",
  },
};
