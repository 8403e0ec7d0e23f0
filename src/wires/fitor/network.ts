/**
 * One network of the bridge: a connection that is kept up, and the channels on it, which are joined, and joined again after a
 * kick, later each time; never where we are banned. What is to be said while it is away is held for a while.
 */
import type { Clock } from "../../kit/clock.ts";
import type { Random } from "../../kit/random.ts";
import type { Member } from "../../lib/irc/channels.ts";
import { Connection, type ConnectionState } from "../../lib/irc/connection.ts";
import type { Dial } from "../../lib/irc/dial.ts";
import type { IrcEvent } from "../../lib/irc/event.ts";
import type { FloodOptions } from "../../lib/irc/flood.ts";
import type { ChannelPlan, NetworkPlan } from "./plan.ts";
import { anyCase, type NickRules, shownNick, silenced } from "./words.ts";

/** Something to be said in a channel. */
export interface Saying {
  /** Of whom; without one it stands in brackets. */
  nick?: string;
  how: "message" | "action";
  lines: readonly string[];
}

/** What a network needs. */
export interface NetworkParts {
  clock: Clock;
  random: Random;
  dial: Dial;
  version: string;
  quitMessage: string;
  flood: FloodOptions;
  pingMs: number;
  reconnectMs: number;
  reconnectMaxMs: number;
  rejoinMs: number;
  regainMs: number;
  hold: number;
  holdForMs: number;
  markNicks: NickRules["mark"];
  breakMentions: boolean;
  relaymsg: boolean;
  /** When something was last known to be said in a channel, for asking what was missed; undefined: never. */
  lastAt(channel: ChannelPlan): number | undefined;
  tell(event: IrcEvent, network: Network): void;
}

/** How a channel stands. */
export interface ChannelStanding {
  plan: ChannelPlan;
  isIn: boolean;
  /** Why we are not in; empty when we are, or are on the way. */
  reason: string;
  topic: string;
  /** How many are there. */
  people: number;
  /** Those who are there, in order: signs, then names. They are put in order when they are asked for. */
  readonly members: readonly Member[];
}

interface Place {
  readonly plan: ChannelPlan;
  isIn: boolean;
  reason: string;
  attempts: number;
  cancel: () => void;
  held: { saying: Saying; atMs: number }[];
  /** The server does not relay here. */
  cannotRelay: boolean;
  lastRelayed: Saying | undefined;
}

const byName = new Intl.Collator("en");
const rejoinMaxMs = 600_000;
const askedLines = 200;

/** One network. */
export class Network {
  readonly plan: NetworkPlan;
  readonly #parts: NetworkParts;
  readonly #connection: Connection;
  readonly #places: Place[];
  #lost = 0;
  #wasTold = false;
  #wasUp = false;

  constructor(plan: NetworkPlan, parts: NetworkParts) {
    this.plan = plan;
    this.#parts = parts;
    this.#places = plan.channels.map((channel) => ({
      plan: channel,
      isIn: false,
      reason: "",
      attempts: 0,
      cancel: () => {},
      held: [],
      cannotRelay: false,
      lastRelayed: undefined,
    }));
    const { clock, dial, flood, pingMs, random, reconnectMaxMs, reconnectMs, regainMs, version } = parts;
    this.#connection = new Connection({
      host: plan.host,
      port: plan.port,
      tls: plan.tls,
      identity: plan.identity,
      dial,
      clock,
      random,
      version,
      flood,
      pingMs,
      reconnectMs,
      reconnectMaxMs,
      regainMs,
      tell: (event) => this.#take(event),
    });
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  /** Why it is not up. */
  get reason(): string {
    return this.#connection.reason;
  }

  /** When it is tried again, epoch ms. */
  get retryAt(): number | undefined {
    return this.#connection.retryAt;
  }

  /** Whether the connection that ended last, or is there, was let in. */
  get wasUp(): boolean {
    return this.#wasUp;
  }

  /** Our nick there. */
  get nick(): string {
    return this.#connection.session?.nick ?? this.plan.identity.nick;
  }

  /** Capabilities in use. */
  get capabilities(): readonly string[] {
    return this.#connection.session?.capabilities ?? [];
  }

  /** Lines that went out, wait, and were given up. */
  get counts(): { sent: number; waiting: number; lost: number } {
    const { dropped, sent, waiting } = this.#connection;
    return { sent, waiting, lost: dropped + this.#lost };
  }

  /** Connects; also where it was sent away. Channels that we were banned from are tried again. */
  open(): void {
    this.#connection.open();
    for (const place of this.#places) if (!place.isIn && this.#connection.session) this.#join(place);
  }

  /** Says goodbye. */
  close(): void {
    for (const place of this.#places) place.cancel();
    this.#connection.close(this.#parts.quitMessage);
  }

  /** The channels as they stand. */
  channels(): ChannelStanding[] {
    return this.#places.map((place) => this.#standing(place));
  }

  /** How one of them stands. */
  standing(channel: ChannelPlan): ChannelStanding | undefined {
    const place = this.#places.find(({ plan }) => plan === channel);
    return place && this.#standing(place);
  }

  /** The plan of a channel that is bridged, however its name is written. */
  find(name: string): ChannelPlan | undefined {
    return this.#place(name)?.plan;
  }

  /** How a name from the bus or the page is written: clean, and marked where somebody in the channel, or we, have it. */
  nickFor(plan: ChannelPlan, name: string): string {
    const session = this.#connection.session;
    const members = session?.channels.find(plan.name)?.members;
    const own = [session?.nick ?? "", this.plan.identity.nick];
    const isTaken = (nick: string) => {
      const wanted = this.#fold(nick);
      if (own.some((one) => this.#fold(one) === wanted) || members?.has(wanted) === true) return true;
      // The server knows fewer letters than people do, and the members stand under what it takes for one.
      return !/^[\0-\x7f]*$/.test(nick) && [...(members?.keys() ?? [])].some((one) => this.#fold(one) === wanted);
    };
    return shownNick(name, { mark: this.#parts.markNicks, isTaken });
  }

  /** Says something in a channel, now or when we are there; what cannot be held is given up. Whether it went out or is held. */
  say(channel: ChannelPlan, saying: Saying): "sent" | "held" | "lost" {
    const place = this.#place(channel.name);
    if (!place) return "lost";
    if (place.isIn && this.#connection.session) {
      if (!this.#connection.hasRoom) {
        this.#lost++;
        return "lost";
      }
      this.#speak(place, saying);
      return "sent";
    }
    if (this.#parts.hold === 0) {
      this.#lost++;
      return "lost";
    }
    place.held.push({ saying, atMs: this.#parts.clock.monotonicMs() });
    if (place.held.length > this.#parts.hold) {
      place.held.shift();
      this.#lost++;
    }
    return "held";
  }

  #speak(place: Place, saying: Saying): void {
    const { session } = this.#connection;
    if (!session) return;
    const { breakMentions, relaymsg } = this.#parts;
    const { name } = place.plan;
    const channel = session.channels.find(name);
    const there = [...(channel?.members.values() ?? [])].map(({ nick }) => nick);
    const quiet = breakMentions ? there : [];
    const fold = (word: string) => this.#fold(word);
    const lines = saying.lines.map((line) => silenced(line, quiet, fold));
    if (saying.nick === undefined) {
      for (const line of lines) session.say(name, line, { before: "[", after: "]" });
      return;
    }
    const separators = session.capability("draft/relaymsg");
    if (relaymsg && separators !== undefined && !place.cannotRelay && saying.how === "message") {
      const nick = shownNick(saying.nick, { mark: "never", isTaken: () => false }).replaceAll(/[^\p{L}\p{N}_-]/gu, "_");
      place.lastRelayed = saying;
      for (const line of lines) session.relay(name, `${nick}${separators[0] ?? "/"}web`, line);
      return;
    }
    const nick = this.nickFor(place.plan, saying.nick);
    const before = silenced(saying.how === "action" ? `* ${nick} ` : `${nick}: `, quiet, fold);
    for (const line of lines) session.say(name, line, { before });
  }

  #take(event: IrcEvent): void {
    switch (event.kind) {
      case "registered":
        this.#wasTold = false;
        this.#wasUp = true;
        for (const place of this.#places) this.#join(place);
        break;
      case "joined":
        if (event.isOwn) this.#entered(event.channel);
        break;
      case "kicked":
      case "parted":
        if (event.isOwn)
          this.#left(event.channel, event.kind === "kicked" ? `kicked by ${event.by}: ${event.reason}` : "left");
        break;
      case "shut-out": {
        const place = this.#place(event.channel);
        if (!place || place.isIn) return;
        place.reason = event.reason;
        if (event.reason.endsWith("invites us")) this.#join(place);
        else if (!event.isFinal) this.#joinLater(place);
        break;
      }
      case "undelivered":
        if (event.command === "RELAYMSG") this.#relayRefused(event.target);
        break;
      case "ended": {
        for (const place of this.#places) {
          place.cancel();
          place.isIn = false;
          place.reason = "";
          place.attempts = 0;
        }
        const isNews = !this.#wasTold;
        this.#wasTold = true;
        // One outage is told once, however often coming back fails.
        if (isNews || event.why !== "lost") this.#parts.tell(event, this);
        this.#wasUp = false;
        return;
      }
    }
    this.#parts.tell(event, this);
  }

  #entered(name: string): void {
    const place = this.#place(name);
    if (!place) return;
    place.cancel();
    place.isIn = true;
    place.reason = "";
    place.cannotRelay = false;
    const sinceAt = this.#parts.lastAt(place.plan);
    if (sinceAt !== undefined) this.#connection.session?.askHistory(place.plan.name, sinceAt, askedLines);
    const oldestMs = this.#parts.clock.monotonicMs() - this.#parts.holdForMs;
    for (const { atMs, saying } of place.held.splice(0)) {
      if (atMs >= oldestMs) this.#speak(place, saying);
      else this.#lost++;
    }
  }

  #left(name: string, reason: string): void {
    const place = this.#place(name);
    if (!place) return;
    place.isIn = false;
    place.reason = reason;
    this.#joinLater(place);
  }

  #join(place: Place): void {
    place.cancel();
    this.#connection.session?.join(place.plan.name, place.plan.key);
  }

  #joinLater(place: Place): void {
    const { clock, rejoinMs } = this.#parts;
    place.cancel();
    if (rejoinMs === 0) return;
    const delayMs = Math.min(rejoinMs * 2 ** Math.min(place.attempts++, 20), Math.max(rejoinMs, rejoinMaxMs));
    place.cancel = clock.schedule(delayMs, () => this.#join(place));
  }

  #relayRefused(target: string): void {
    const place = this.#place(target);
    if (!place || place.cannotRelay) return;
    place.cannotRelay = true;
    if (place.lastRelayed) this.#speak(place, place.lastRelayed);
  }

  #standing({ isIn, plan, reason }: Place): ChannelStanding {
    const channel = this.#connection.session?.channels.find(plan.name);
    const members = channel?.members;
    return {
      plan,
      isIn,
      reason,
      topic: channel?.topic ?? "",
      people: members?.size ?? 0,
      get members() {
        return [...(members?.values() ?? [])].toSorted(
          (one, other) => rankOf(one.signs) - rankOf(other.signs) || byName.compare(one.nick, other.nick),
        );
      },
    };
  }

  /** A name as it is compared: by the server's rules, and in any case of any language. */
  #fold(name: string): string {
    const support = this.#connection.session?.support;
    return anyCase((one) => support?.fold(one) ?? one)(name);
  }

  #place(name: string): Place | undefined {
    const support = this.#connection.session?.support;
    return this.#places.find(({ plan }) =>
      support ? support.isSame(plan.name, name) : plan.name.toLowerCase() === name.toLowerCase(),
    );
  }
}

function rankOf(signs: string): number {
  const at = "~&@%+".indexOf(signs[0] ?? " ");
  return at < 0 ? 9 : at;
}
