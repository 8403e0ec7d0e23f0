/**
 * The bridge: what is said in a channel is kept, shown and published; what is published, or said on the page, is kept and said
 * in the channel. Each line takes exactly one way, so nothing comes back to where it was said: what the bridge publishes lies
 * below `<address>.fitor`, and what lies there is not heard.
 */
import { SQLiteError } from "bun:sqlite";

import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import type { IrcEvent } from "../../lib/irc/event.ts";
import { type FormattingChoice, formattedBy } from "../../lib/irc/formatting.ts";
import type { Bus } from "./bus.ts";
import type { History, Line, NewLine } from "./history.ts";
import type { Network } from "./network.ts";
import { type BridgedKind, type ChannelPlan, isForPages, ownPart } from "./plan.ts";
import { formatContent, readContent, relayedLines } from "./words.ts";

/** What the bridge is told. */
export interface BridgeOptions {
  clock: Clock;
  history: History;
  bridged: ReadonlySet<BridgedKind>;
  privateMessages: boolean;
  formatting: FormattingChoice;
  maxLines: number;
  segments: boolean;
  /** Something for the log and for people. */
  happened(level: "good" | "warn" | "bad", sentence: string): void;
}

/** A channel of the bridge. */
export interface Room {
  /** `<network>/<channel>` in lower case. */
  readonly key: string;
  readonly network: Network;
  readonly channel: ChannelPlan;
}

/** What is told to pages that look on. */
export type BridgeNews = { kind: "line"; line: Line } | { kind: "people"; room: string } | { kind: "state" };

/** Counts of lines by the way they took. */
export interface BridgeCounts {
  fromIrc: number;
  fromBus: number;
  fromWeb: number;
  /** Publications in the bridge's part of the bus that it does not understand. */
  ignored: number;
}

/** The bridge. */
export class Bridge {
  readonly counts: BridgeCounts = { fromIrc: 0, fromBus: 0, fromWeb: 0, ignored: 0 };
  readonly #options: BridgeOptions;
  readonly #rooms = new Map<string, Room>();
  readonly #listeners = new Set<(news: BridgeNews) => void>();
  #bus: Bus | undefined;
  #cannotKeep = false;

  constructor(options: BridgeOptions) {
    this.#options = options;
  }

  /** Adds a network and its rooms. */
  add(network: Network): void {
    for (const channel of network.plan.channels) {
      const key = roomKey(network.plan.name, channel.name);
      this.#rooms.set(key, { key, network, channel });
    }
  }

  /** Says where publications go. */
  useBus(bus: Bus): void {
    this.#bus = bus;
  }

  /** Whether the newest line could not be kept. */
  get cannotKeep(): boolean {
    return this.#cannotKeep;
  }

  /** The rooms, in the order of the configuration. */
  get rooms(): readonly Room[] {
    return [...this.#rooms.values()];
  }

  /** What pages look at changes; called until the function that it gives is called. */
  subscribe(listener: (news: BridgeNews) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A room by its names. */
  find(network: string, channel: string): Room | undefined {
    return this.#rooms.get(roomKey(network, channel));
  }

  /** Takes what was published. */
  hear(address: string, content: string): void {
    const room = this.#roomOf(address);
    if (!room) return;
    const words = readContent(content);
    if (!words) {
      this.counts.ignored++;
      return;
    }
    const { formatting, maxLines } = this.#options;
    const lines = relayedLines(words.content, { formatting, maxLines });
    if (lines.length === 0) return;
    this.counts.fromBus++;
    const isMessage = words.type === "message";
    const nick = room.network.nickFor(room.channel, words.nick);
    room.network.say(room.channel, { lines, how: "message", ...(isMessage ? { nick: words.nick } : {}) });
    this.#keep(room, {
      kind: isMessage ? "message" : "status",
      nick,
      text: lines.join("\n"),
      origin: "bus",
      at: this.#options.clock.now(),
    });
  }

  /**
   * Says something for somebody on the page, now or, where the channel is away, when it is back. Faults: `fitor/command`,
   * `fitor/empty` (invalid), `fitor/away` (unavailable).
   */
  say(room: Room, nick: string, text: string): { outcome: "sent" | "held"; line: Line | undefined } {
    const isAction = /^\/me\s/i.test(text);
    if (/^\/(?!\/)/.test(text) && !isAction) {
      throw new Fault(
        "invalid",
        "fitor/command",
        "Cannot do that: the only command here is /me; begin with // to say a slash",
      );
    }
    const said = isAction ? text.slice(4) : text.replace(/^\/\//, "/");
    const { formatting, maxLines } = this.#options;
    const lines = relayedLines(said, { formatting, maxLines });
    if (lines.length === 0) throw new Fault("invalid", "fitor/empty", "Cannot say nothing: wanted some words");
    const how = isAction ? "action" : "message";
    const outcome = room.network.say(room.channel, { nick, how, lines });
    if (outcome === "lost") {
      throw new Fault(
        "unavailable",
        "fitor/away",
        `Cannot say it in ${room.channel.name}: too much waits to be said already`,
        {
          retryAfterMs: 10_000,
        },
      );
    }
    this.counts.fromWeb++;
    const clean = room.network.nickFor(room.channel, nick);
    this.#publish(room.channel, clean, isAction ? "action" : "message", lines.join("\n"));
    const line = this.#keep(room, {
      kind: how,
      nick: clean,
      text: lines.join("\n"),
      origin: "web",
      at: this.#options.clock.now(),
    });
    return { outcome, line };
  }

  /** Takes what happened on a network. */
  take(event: IrcEvent, network: Network): void {
    const { clock, happened } = this.#options;
    const { name } = network.plan;
    const now = clock.now();
    switch (event.kind) {
      case "registered":
        happened("good", `Connected to ${name} as ${event.nick}`);
        this.#tell({ kind: "state" });
        return;
      case "said":
        this.#takeSaid(event, network);
        return;
      case "joined":
        if (event.isOwn) {
          this.#status(network, event.channel, `joined ${event.channel}`);
          this.#tell({ kind: "state" });
        } else this.#note(network, event.channel, "join", event.nick, "came in", event.at);
        this.#people(network, event.channel);
        return;
      case "parted":
        this.#note(network, event.channel, "part", event.nick, why("left", event.reason), event.at);
        this.#people(network, event.channel);
        return;
      case "kicked": {
        const words = why(`was put out by ${event.by}`, event.reason);
        this.#note(network, event.channel, "kick", event.nick, words, event.at);
        if (event.isOwn) {
          happened("warn", `Put out of ${event.channel} on ${name} by ${event.by}`);
          this.#tell({ kind: "state" });
        }
        this.#people(network, event.channel);
        return;
      }
      case "quit":
        for (const channel of event.channels) {
          this.#note(network, channel, "quit", event.nick, why("is gone", event.reason), event.at);
          this.#people(network, channel);
        }
        return;
      case "renamed":
        for (const channel of event.channels) {
          this.#note(network, channel, "nick", event.from, `is now ${event.to}`, event.at);
          this.#people(network, channel);
        }
        if (event.isOwn) this.#tell({ kind: "state" });
        return;
      case "topic":
        this.#note(network, event.channel, "topic", event.nick, why("set the topic", event.topic), event.at);
        this.#people(network, event.channel);
        return;
      case "people":
        this.#people(network, event.channel);
        return;
      case "shut-out":
        happened("warn", `Not let into ${event.channel} on ${name}: ${event.reason}`);
        this.#status(network, event.channel, `cannot join ${event.channel}: ${event.reason}`);
        this.#tell({ kind: "state" });
        return;
      case "undelivered":
        happened("warn", `Not delivered to ${event.target} on ${name}: ${event.reason}`);
        return;
      case "ended": {
        const isBarred = event.why === "banned" || event.why === "refused";
        happened(isBarred ? "bad" : "warn", `Connection to ${name} lost: ${event.reason}`);
        const words = isBarred
          ? `sent away: ${event.reason}`
          : network.wasUp
            ? "disconnected"
            : `error connecting: ${event.reason}`;
        for (const { name: channel } of network.plan.channels) this.#status(network, channel, words, now);
        this.#tell({ kind: "state" });
      }
    }
  }

  #takeSaid(event: IrcEvent & { kind: "said" }, network: Network): void {
    const text = formattedBy(this.#options.formatting, event.text);
    const { at, how, id, isOwn, isPrivate, nick } = event;
    if (isPrivate) {
      const first = network.plan.channels[0];
      // Servers talk to us, too, and by notices; those are no people.
      if (!this.#options.privateMessages || how === "notice" || isOwn || !first) return;
      this.counts.fromIrc++;
      this.#publish(first, nick, how === "action" ? "action" : "message", text);
      return;
    }
    const channel = network.find(event.target);
    const room = channel && this.find(network.plan.name, channel.name);
    if (!room || text.trim() === "") return;
    if (!this.#keep(room, { kind: how, nick, text, origin: "irc", at, messageId: id })) return;
    this.counts.fromIrc++;
    if (isOwn || !this.#options.bridged.has(how)) return;
    this.#publish(room.channel, nick, how, text);
  }

  /** Something happened in a channel: kept, shown, and published where that is wanted. */
  #note(network: Network, channel: string, kind: BridgedKind, nick: string, words: string, at: number): void {
    const plan = network.find(channel);
    const room = plan && this.find(network.plan.name, plan.name);
    if (!room) return;
    const text = formattedBy("remove", words);
    this.#keep(room, { kind, nick, text, origin: "irc", at });
    if (this.#options.bridged.has(kind)) this.#publish(room.channel, nick, "status", `${nick} ${text}`);
  }

  /** The bridge's own words: kept, shown and published. */
  #status(network: Network, channel: string, words: string, at = this.#options.clock.now()): void {
    const plan = network.find(channel);
    const room = plan && this.find(network.plan.name, plan.name);
    if (!room) return;
    const text = formattedBy("remove", words);
    this.#keep(room, { kind: "status", nick: network.nick, text, origin: "fitor", at });
    this.#publish(room.channel, network.nick, "status", text);
  }

  #publish(channel: ChannelPlan, nick: string, type: string, content: string): void {
    this.#bus?.publish(`${channel.address}.${ownPart}.${nick}`, formatContent({ type, nick, content }));
  }

  #keep(room: Room, line: Omit<NewLine, "room">): Line | undefined {
    const whole = { ...line, room: room.key };
    let kept: Line | undefined;
    try {
      kept = this.#options.history.add(whole);
      this.#cannotKeep = false;
    } catch (thrown) {
      if (!(thrown instanceof SQLiteError)) throw thrown;
      // A full disk must not silence the room: the line goes its way without being kept.
      if (!this.#cannotKeep) this.#options.happened("bad", `Lines cannot be kept: ${thrown.message}`);
      this.#cannotKeep = true;
      return { ...whole, id: 0 };
    }
    if (kept) this.#tell({ kind: "line", line: kept });
    return kept;
  }

  #people(network: Network, channel: string): void {
    // Servers write names as they like, and take more letters for the same than others do.
    const plan = network.find(channel);
    if (plan) this.#tell({ kind: "people", room: roomKey(network.plan.name, plan.name) });
  }

  #tell(news: BridgeNews): void {
    for (const listener of this.#listeners) listener(news);
  }

  /** The room an address belongs to: the one with the longest address that it begins with. */
  #roomOf(address: string): Room | undefined {
    if (isForPages(address)) return undefined;
    let found: Room | undefined;
    for (const room of this.#rooms.values()) {
      const own = room.channel.address;
      if (!address.startsWith(own) || own.length <= (found?.channel.address.length ?? -1)) continue;
      if (this.#options.segments && address !== own && address[own.length] !== ".") continue;
      found = room;
    }
    if (!found) return undefined;
    const below = `${found.channel.address}.${ownPart}`;
    return address === below || address.startsWith(`${below}.`) ? undefined : found;
  }
}

/** The key of a room. */
export function roomKey(network: string, channel: string): string {
  return `${network}/${channel}`.toLowerCase();
}

function why(what: string, reason: string): string {
  return reason === "" ? what : `${what}: ${reason}`;
}
