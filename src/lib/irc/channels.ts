/**
 * Who is in which channel, and its topic, as far as the server told us: from NAMES, and from what changes afterwards. Only
 * channels that we are in are kept.
 */
import type { ServerSupport } from "./isupport.ts";
import { parseMask } from "./message.ts";

/** Somebody in a channel. */
export interface Member {
  nick: string;
  /** The signs of their modes, highest first, such as `@+`; empty for most. */
  signs: string;
}

/** A channel that we are in. */
export interface Channel {
  /** As the server writes it. */
  readonly name: string;
  topic: string;
  /** By folded nick. */
  readonly members: Map<string, Member>;
}

/** More are not kept: a server that invents people must not fill the memory. */
const maxMembers = 50_000;

/** A server that puts us into ever more channels; the oldest go. */
const maxChannels = 1000;
const longestNick = 512;

/** The channels of one connection. */
export class Channels {
  readonly #support: ServerSupport;
  readonly #channels = new Map<string, Channel>();

  constructor(support: ServerSupport) {
    this.#support = support;
  }

  /** A channel that we are in. */
  find(name: string): Channel | undefined {
    return this.#channels.get(this.#support.fold(name));
  }

  /** We came in. */
  enter(name: string): Channel {
    if (this.#channels.size >= maxChannels) this.#channels.delete(this.#channels.keys().next().value ?? "");
    const channel: Channel = { name, topic: "", members: new Map() };
    this.#channels.set(this.#support.fold(name), channel);
    return channel;
  }

  /** We are out. */
  leave(name: string): void {
    this.#channels.delete(this.#support.fold(name));
  }

  /** Somebody came in. */
  add(name: string, nick: string, signs = ""): void {
    const channel = this.find(name);
    if (!channel || channel.members.size >= maxMembers || nick.length > longestNick) return;
    channel.members.set(this.#support.fold(nick), { nick, signs });
  }

  /** Somebody left a channel. */
  remove(name: string, nick: string): void {
    this.find(name)?.members.delete(this.#support.fold(nick));
  }

  /** Somebody left the network; the channels they were in. */
  quit(nick: string): string[] {
    const folded = this.#support.fold(nick);
    return [...this.#channels.values()].filter(({ members }) => members.delete(folded)).map(({ name }) => name);
  }

  /** Somebody has another nick; the channels they are in. */
  rename(from: string, to: string): string[] {
    const folded = this.#support.fold(from);
    const names: string[] = [];
    for (const channel of this.#channels.values()) {
      const member = channel.members.get(folded);
      if (!member) continue;
      channel.members.delete(folded);
      this.add(channel.name, to, member.signs);
      names.push(channel.name);
    }
    return names;
  }

  /** One line of NAMES. */
  takeNames(name: string, words: readonly string[]): void {
    const signs = new Set(this.#support.memberModes.map(([, sign]) => sign));
    for (const word of words) {
      let at = 0;
      while (signs.has(word[at] ?? "")) at++;
      const { nick } = parseMask(word.slice(at));
      if (nick !== "") this.add(name, nick, word.slice(0, at));
    }
  }

  /** A change of modes; whether it was one of members. */
  takeModes(name: string, modes: string, params: readonly string[]): boolean {
    const channel = this.find(name);
    if (!channel) return false;
    const known = this.#support.memberModes;
    let isSet = true;
    let next = 0;
    let hasChanged = false;
    for (const letter of modes) {
      if (letter === "+" || letter === "-") {
        isSet = letter === "+";
        continue;
      }
      const param = this.#support.hasParameter(letter, isSet) ? params[next++] : undefined;
      const sign = known.find(([mode]) => mode === letter)?.[1];
      const member = param === undefined ? undefined : channel.members.get(this.#support.fold(param));
      if (sign === undefined || !member) continue;
      const held = new Set(member.signs);
      if (isSet) held.add(sign);
      else held.delete(sign);
      member.signs = known
        .map(([, one]) => one)
        .filter((one) => held.has(one))
        .join("");
      hasChanged = true;
    }
    return hasChanged;
  }
}
