/**
 * The admin commands of Etsy's statsd over TCP, answered to the letter, since monitoring scripts compare them: one command
 * a line, words with single spaces between, the connection stays open. Whoever can connect may delete metrics, so it
 * listens on this machine only unless told otherwise.
 */
import type { Socket } from "node:net";
import { inspect } from "node:util";

import { listenStream, type StreamListener } from "../../kit/bound-socket.ts";
import type { Address } from "../../kit/config/address.ts";

/** What the commands are about. */
export interface AdminParts {
  /** `uptime`, `messages.last_msg_seen` and so on, in order, with their numbers. */
  stats(): readonly (readonly [name: string, value: number])[];
  counters(): Iterable<readonly [string, number]>;
  gauges(): Iterable<readonly [string, number]>;
  timers(): Iterable<readonly [string, readonly number[]]>;
  remove(kind: "counters" | "timers" | "gauges", name: string): boolean;
  names(kind: "counters" | "timers" | "gauges"): Iterable<string>;
  health: { state: "up" | "down" };
  /** Those who share the metrics, as `host:port`, while there are any: the commands are then those of the cluster proxy. */
  nodes(): readonly string[] | undefined;
  /** Keys and values of the configuration; nested ones as `key > sub`. */
  config(): readonly (readonly [key: string, value: string])[];
}

const commands = "stats, counters, timers, gauges, delcounters, deltimers, delgauges, health, config, quit";
const proxyCommands = new Set(["help", "config", "health", "status", "quit"]);
const lineMaxLength = 65_536;
/** So much may wait for one who does not read. */
const waitingMaxBytes = 256 * 1024;
const longPiece = 16 * 1024;
/** So many metrics are shown in a piece. */
const shownAtOnce = 500;
const ending = "END\n\n";

/** Opens the port. Rejects with the system's error. */
export function listenAdmin(address: Address, parts: AdminParts): Promise<StreamListener> {
  return listenStream(address, {
    allowHalfOpen: true,
    take(socket) {
      socket.setEncoding("latin1");
      serve(socket, parts);
    },
  });
}

/** Answers one command after the other; the next is read when the reply before it was taken. */
function serve(socket: Socket, parts: AdminParts): void {
  let rest = "";
  let isOver = false;
  const waiting: string[] = [];
  let reply: Iterator<string> | undefined;
  const isFull = () => socket.writableLength > waitingMaxBytes;
  /** What is to be written next; undefined when all is answered, or the connection was ended. */
  const next = (): string | undefined => {
    for (;;) {
      const piece = reply?.next();
      if (piece && !piece.done) return piece.value;
      const line = waiting.shift();
      if (line === undefined) {
        reply = undefined;
        return undefined;
      }
      reply = answer(line, parts)?.[Symbol.iterator]();
      if (reply) continue;
      waiting.length = 0;
      isOver = true;
      return undefined;
    }
  };
  const go = () => {
    for (let piece = next(); piece !== undefined; piece = next()) {
      socket.write(piece);
      // Whoever does not read is not answered further, and others have their turn after a long piece.
      if (isFull()) return;
      if (piece.length > longPiece) {
        socket.pause();
        setImmediate(() => {
          if (!socket.destroyed && !isFull()) go();
        });
        return;
      }
    }
    if (isOver) socket.end();
    else socket.resume();
  };
  socket.on("drain", go);
  socket.on("data", (chunk: string) => {
    const lines = `${rest}${chunk}`.split("\n");
    rest = lines.pop() ?? "";
    const isIdle = waiting.length === 0 && !reply;
    for (const line of lines) waiting.push(line);
    if (rest.length > lineMaxLength) socket.destroy();
    else if (waiting.length > 0) {
      socket.pause();
      if (isIdle && !isFull()) go();
    }
  });
  socket.on("end", () => {
    // `printf health | nc` sends no line feed.
    if (rest.trim() !== "") waiting.push(rest);
    isOver = true;
    if (!isFull()) go();
  });
}

/**
 * The reply to a line, in pieces, as one of two hundred thousand names takes a while to make; undefined ends the
 * connection.
 */
export function answer(line: string, parts: AdminParts): Iterable<string> | undefined {
  const [command = "", ...words] = line.trim().split(" ");
  const nodes = parts.nodes();
  if (nodes && !proxyCommands.has(command)) return ["ERROR\n"];
  switch (command) {
    case "status":
      return nodes
        ? [`uptime: ${parts.stats()[0]?.[1] ?? 0}\nnodes: ${nodes.map((node) => `${node} `).join("")}\n`]
        : ["ERROR\n"];
    case "help":
      return [`Commands: ${nodes ? "config, health, status, quit" : commands}\n\n`];
    case "stats":
      return [...parts.stats().map(([name, value]) => `${name}: ${value}\n`), ending];
    case "counters":
      return shown(parts.counters());
    case "gauges":
      return shown(parts.gauges());
    case "timers":
      return shown(parts.timers());
    case "delcounters":
      return removed("counters", words, parts);
    case "deltimers":
      return removed("timers", words, parts);
    case "delgauges":
      return removed("gauges", words, parts);
    case "health": {
      const wanted = (words[0] ?? "").toLowerCase();
      if (wanted === "up" || wanted === "down") parts.health.state = wanted;
      return [`health: ${parts.health.state}\n`];
    }
    case "config":
      return ["\n", ...parts.config().map(([key, value]) => `${key}: ${value}\n`)];
    case "quit":
      return undefined;
    default:
      return ["ERROR\n"];
  }
}

/** A map in JavaScript's notation, as the original printed it, and the end. */
function* shown(entries: Iterable<readonly [string, number | readonly number[]]>): Generator<string> {
  // fromEntries defines keys of its own, whatever they are called, so `__proto__` is a name like any other.
  const notation = (some: Iterable<readonly [string, number | readonly number[]]>) => inspect(Object.fromEntries(some));
  let held: (readonly [string, number | readonly number[]])[] = [];
  let before = "";
  for (const entry of entries) {
    held.push(entry);
    if (held.length < 2 * shownAtOnce) continue;
    // So many stand one below the other, each but the last with its comma; only few would be written in one line.
    yield `${before === "" ? "{\n" : before}${notation(held.slice(0, shownAtOnce)).slice(2, -2)}`;
    held = held.slice(shownAtOnce);
    before = ",\n";
  }
  const last = notation(held);
  yield `${before === "" ? last : `${before}${last.slice(2)}`}\n${ending}`;
}

function removed(kind: "counters" | "timers" | "gauges", words: readonly string[], parts: AdminParts): string[] {
  // Names below each beginning that is asked for, found in one pass over the names.
  const below = new Map<string, string[]>();
  for (const word of words) if (word.endsWith(".*")) below.set(word.slice(0, -1), []);
  if (below.size > 0) {
    for (const name of parts.names(kind)) {
      for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1))
        below.get(name.slice(0, dot + 1))?.push(name);
    }
  }
  return [
    ...words.map((word) => {
      const names = word.endsWith(".*") ? [word, ...(below.get(word.slice(0, -1)) ?? [])] : [word];
      const gone = names.filter((name) => parts.remove(kind, name));
      return gone.length === 0 ? `metric ${word} not found\n` : gone.map((name) => `deleted: ${name}\n`).join("");
    }),
    ending,
  ];
}
