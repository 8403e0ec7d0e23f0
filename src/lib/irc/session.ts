/**
 * One connection to a server as a client sees it, without sockets and without time of its own: lines come in, messages go
 * out, and what happened is told as events. Owns who we are there, and knows how long a line may be so that others get it
 * whole. Answers what has to be answered (PING, CTCP).
 */
import { Channels } from "./channels.ts";
import { formatCtcp, parseCtcp } from "./ctcp.ts";
import type { IrcEvent } from "./event.ts";
import { ServerSupport } from "./isupport.ts";
import { type IrcMessage, type Mask, parseMask, parseMessage } from "./message.ts";
import { type Identity, Registration } from "./registration.ts";
import { splitText } from "./split.ts";
import { whyEnded } from "./ending.ts";

/** What a session needs of its surroundings. */
export interface SessionParts {
  /** `isUrgent`: before what waits. */
  send(message: IrcMessage, isUrgent: boolean): void;
  tell(event: IrcEvent): void;
  /** Epoch ms. */
  now(): number;
  /** A number from 0 up to 1. */
  random(): number;
  isSecure: boolean;
  /** What CTCP VERSION is answered with. */
  version: string;
}

/** Our own lines that have to come back, where the server echoes. */
const maxEchoes = 200;
/** CTCP answers between two minutes' beginnings: nobody may make us flood. */
const ctcpPerMinute = 5;

const shutOut: ReadonlyMap<string, boolean> = new Map([
  ["403", true],
  ["405", false],
  ["437", false],
  ["471", false],
  ["473", false],
  ["474", true],
  ["475", true],
  ["476", true],
  ["477", false],
  ["489", false],
]);
const undelivered = new Set(["401", "404", "407", "408", "412", "415", "417", "531"]);

/** One connection. */
export class Session {
  readonly support = new ServerSupport();
  readonly channels = new Channels(this.support);
  readonly #parts: SessionParts;
  readonly #registration: Registration;
  readonly #wantedNick: string;
  readonly #batches = new Map<string, string>();
  readonly #echoes: string[] = [];
  #own: Mask = { nick: "", user: "", host: "" };
  #hasEnded = false;
  #ctcp = { minute: 0, count: 0 };
  #malformed = 0;
  #nextLabel = 0;

  constructor(identity: Identity, parts: SessionParts) {
    this.#parts = parts;
    this.#wantedNick = identity.nick;
    this.#registration = new Registration(identity, {
      send: (message) => parts.send(message, true),
      end: (why, reason, port) => this.end({ kind: "ended", why, reason, ...(port === undefined ? {} : { port }) }),
      random: () => parts.random(),
      isSecure: parts.isSecure,
    });
  }

  /** The nick that is ours. */
  get nick(): string {
    return this.#registration.nick;
  }

  /** Whether the server has let us in, and has not sent us away. */
  get isRegistered(): boolean {
    return this.#registration.isDone && !this.#hasEnded;
  }

  /** Lines that could not be read. */
  get malformed(): number {
    return this.#malformed;
  }

  /** Capabilities in use. */
  get capabilities(): readonly string[] {
    return this.#registration.capabilities;
  }

  /** The value of a capability in use. */
  capability(name: string): string | undefined {
    return this.#registration.valueOf(name);
  }

  /** Sends the first lines. */
  begin(): void {
    this.#registration.begin();
  }

  /** Asks for the wanted nick again, where it is not held. */
  regain(): void {
    // Some servers cut what is longer than they take, and say nothing.
    if (this.nick !== this.#wantedNick.slice(0, this.support.nickLength)) this.#registration.regain();
  }

  /** Asks to be let into a channel. */
  join(channel: string, key?: string): void {
    this.#parts.send({ command: "JOIN", params: key === undefined ? [channel] : [channel, key] }, false);
  }

  /** Asks for what was said in a channel after an instant. Does nothing where the server keeps nothing. */
  askHistory(channel: string, sinceAt: number, limit: number): void {
    if (!this.#registration.has("draft/chathistory") && !this.#registration.has("chathistory")) return;
    if (!this.#registration.has("batch")) return;
    const since = `timestamp=${new Date(sinceAt).toISOString()}`;
    this.#parts.send({ command: "CHATHISTORY", params: ["AFTER", channel, since, String(limit)] }, false);
  }

  /** So many bytes of text fit a line to a target, with what the server puts before it for others. */
  roomFor(target: string, command: "PRIVMSG" | "NOTICE" = "PRIVMSG"): number {
    const { host, user } = this.#own;
    // What is not known yet is taken to be as long as it gets.
    const before = `:${this.nick}!${user || "~1234567890"}@${host || "h".repeat(63)} ${command} ${target} :`;
    return Math.max(64, this.support.lineBytes - 2 - Buffer.byteLength(before));
  }

  /**
   * Says lines of text to a target, each cut to what fits; `before` and `after` stand round every piece. Control characters
   * that would end a line are taken out.
   */
  say(
    target: string,
    text: string,
    options: { how?: "message" | "notice" | "action"; before?: string; after?: string } = {},
  ): void {
    const { after = "", before = "", how = "message" } = options;
    const command = how === "notice" ? "NOTICE" : "PRIVMSG";
    const around = Buffer.byteLength(before) + Buffer.byteLength(after) + (how === "action" ? 9 : 0);
    const room = Math.max(8, this.roomFor(target, command) - around);
    for (const line of text.split(/\r\n|\r|\n/)) {
      const clean = line.replaceAll("\0", "").replaceAll("\u0001", "").trimEnd();
      if (clean === "") continue;
      for (const piece of splitText(clean, room)) {
        const words = `${before}${piece}${after}`;
        this.#sendSaid(command, target, how === "action" ? formatCtcp("ACTION", words) : words);
      }
    }
  }

  /** Says lines under a name of somebody else, where the server relays; see {@link Session.capability} `draft/relaymsg`. */
  relay(target: string, nick: string, text: string): void {
    const room = Math.max(
      64,
      this.support.lineBytes -
        2 -
        Buffer.byteLength(`:${nick}!${"u".repeat(20)}@${"h".repeat(63)} PRIVMSG ${target} :`),
    );
    for (const line of text.split(/\r\n|\r|\n/)) {
      const clean = line.replaceAll("\0", "").replaceAll("\u0001", "").trimEnd();
      if (clean === "") continue;
      for (const piece of splitText(clean, room - Buffer.byteLength(nick))) {
        this.#remember(target, piece);
        this.#parts.send({ command: "RELAYMSG", params: [target, nick, piece] }, false);
      }
    }
  }

  /** Ends the session; what comes later is not heard. */
  end(event: IrcEvent & { kind: "ended" }): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#parts.tell(event);
  }

  /** Takes a line. */
  take(line: string): void {
    if (this.#hasEnded) return;
    let message: IrcMessage;
    try {
      message = parseMessage(line);
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      this.#malformed++;
      return;
    }
    const ended = whyEnded(message);
    if (ended) {
      this.end(ended);
      return;
    }
    if (this.#registration.take(message)) return;
    this.#takeMessage(message);
  }

  #takeMessage(message: IrcMessage): void {
    const { command, params, source } = message;
    const { nick } = parseMask(source);
    const at = this.#timeOf(message);
    const isOwn = this.support.isSame(nick, this.nick);
    const [first = "", second = ""] = params;
    const tell = (event: IrcEvent) => this.#parts.tell(event);
    switch (command) {
      case "PING":
        this.#parts.send({ command: "PONG", params: [params.at(-1) ?? ""] }, true);
        return;
      case "001": {
        this.#own = { ...parseMask(/\S+!\S+@\S+$/.exec(params.at(-1) ?? "")?.[0]), nick: this.nick };
        tell({ kind: "registered", nick: this.nick });
        return;
      }
      case "005":
        this.support.take(params.slice(1, -1));
        return;
      case "396":
        this.#own.host = second.includes("@") ? parseMask(`x!${second}`).host : second;
        return;
      case "CHGHOST":
        if (isOwn) this.#own = { nick, user: first, host: second };
        return;
      case "PRIVMSG":
      case "NOTICE":
        this.#takeSaid(message, at);
        return;
      case "JOIN":
        if (isOwn) {
          this.#own = parseMask(source);
          this.channels.enter(first);
        }
        this.channels.add(first, nick);
        tell({ kind: "joined", nick, channel: first, isOwn, at });
        return;
      case "PART":
        if (isOwn) this.channels.leave(first);
        else this.channels.remove(first, nick);
        tell({ kind: "parted", nick, channel: first, reason: second, isOwn, at });
        return;
      case "KICK": {
        const isUs = this.support.isSame(second, this.nick);
        if (isUs) this.channels.leave(first);
        else this.channels.remove(first, second);
        tell({ kind: "kicked", nick: second, by: nick, channel: first, reason: params[2] ?? "", isOwn: isUs, at });
        return;
      }
      case "QUIT":
        tell({ kind: "quit", nick, channels: this.channels.quit(nick), reason: first, at });
        if (this.support.isSame(nick, this.#wantedNick)) this.regain();
        return;
      case "NICK":
        if (isOwn) this.#registration.nick = first;
        tell({ kind: "renamed", from: nick, to: first, channels: this.channels.rename(nick, first), isOwn, at });
        if (!isOwn && this.support.isSame(nick, this.#wantedNick)) this.regain();
        return;
      case "TOPIC": {
        const channel = this.channels.find(first);
        if (channel) channel.topic = second;
        tell({ kind: "topic", nick, channel: first, topic: second, at });
        return;
      }
      case "332": {
        const channel = this.channels.find(second);
        if (channel) channel.topic = params[2] ?? "";
        tell({ kind: "people", channel: second });
        return;
      }
      case "353":
        this.channels.takeNames(params[2] ?? "", (params[3] ?? "").split(" "));
        return;
      case "366":
        tell({ kind: "people", channel: second });
        return;
      case "MODE":
        if (this.channels.takeModes(first, second, params.slice(2))) tell({ kind: "people", channel: first });
        return;
      case "BATCH":
        if (first.startsWith("+")) {
          if (this.#batches.size < 100) this.#batches.set(first.slice(1), second);
        } else this.#batches.delete(first.slice(1));
        return;
      case "FAIL":
        tell({ kind: "undelivered", target: params[2] ?? "", command: first, reason: params.at(-1) ?? second });
        return;
      case "INVITE":
        if (this.support.isSame(first, this.nick)) {
          tell({ kind: "shut-out", channel: second, reason: `${nick} invites us`, isFinal: false });
        }
        return;
    }
    const isFinal = shutOut.get(command);
    if (isFinal !== undefined && this.support.isChannel(second)) {
      tell({ kind: "shut-out", channel: second, reason: params.at(-1) ?? command, isFinal });
    } else if (undelivered.has(command)) {
      tell({ kind: "undelivered", target: second, command, reason: params.at(-1) ?? command });
    }
  }

  #takeSaid(message: IrcMessage, at: number): void {
    const { command, params, source = "", tags } = message;
    const { nick } = parseMask(source);
    const [whom = "", text = ""] = params;
    const signs = this.support.get("STATUSMSG") ?? "";
    const target = signs.includes(whom[0] ?? " ") && this.support.isChannel(whom.slice(1)) ? whom.slice(1) : whom;
    const isPrivate = !this.support.isChannel(target);
    const isOwn = this.support.isSame(nick, this.nick) || tags?.has("draft/relaymsg") === true;
    // With its label it is ours even where the server has changed the words.
    if (isOwn && (this.#isEcho(target, text) || tags?.has("label") === true)) return;
    const ctcp = parseCtcp(text);
    if (ctcp && ctcp.command !== "ACTION") {
      if (command === "PRIVMSG" && !isOwn) this.#answerCtcp(nick, ctcp.command, ctcp.text);
      return;
    }
    const batch = this.#batches.get(tags?.get("batch") ?? "");
    const id = tags?.get("msgid");
    const account = tags?.get("account");
    this.#parts.tell({
      kind: "said",
      how: ctcp ? "action" : command === "NOTICE" ? "notice" : "message",
      nick,
      source,
      target,
      isPrivate,
      text: ctcp ? ctcp.text : text,
      at,
      ...(id === undefined ? {} : { id }),
      ...(account === undefined ? {} : { account }),
      isOwn,
      isReplayed: batch === "chathistory" || batch === "draft/chathistory" || batch === "znc.in/playback",
    });
  }

  #sendSaid(command: "PRIVMSG" | "NOTICE", target: string, text: string): void {
    this.#remember(target, text);
    const label = this.#registration.has("labeled-response")
      ? new Map([["label", `f${this.#nextLabel++}`]])
      : undefined;
    this.#parts.send({ ...(label ? { tags: label } : {}), command, params: [target, text] }, false);
  }

  #remember(target: string, text: string): void {
    if (!this.#registration.has("echo-message") && !this.#registration.has("draft/relaymsg")) return;
    this.#echoes.push(`${this.support.fold(target)} ${text}`);
    if (this.#echoes.length > maxEchoes) this.#echoes.shift();
  }

  /** Whether it is what we said, come back. Another client of the same account may speak, too. */
  #isEcho(target: string, text: string): boolean {
    const at = this.#echoes.indexOf(`${this.support.fold(target)} ${text}`);
    if (at < 0) return false;
    this.#echoes.splice(at, 1);
    return true;
  }

  #answerCtcp(nick: string, command: string, text: string): void {
    const minute = Math.floor(this.#parts.now() / 60_000);
    if (minute !== this.#ctcp.minute) this.#ctcp = { minute, count: 0 };
    if (this.#ctcp.count++ >= ctcpPerMinute) return;
    const answers: Readonly<Record<string, string>> = {
      VERSION: this.#parts.version,
      PING: text.slice(0, 200),
      TIME: new Date(this.#parts.now()).toUTCString(),
      CLIENTINFO: "ACTION CLIENTINFO PING TIME VERSION",
    };
    const answer = answers[command];
    if (answer === undefined || nick === "" || nick.includes(" ")) return;
    this.#parts.send({ command: "NOTICE", params: [nick, formatCtcp(command, answer)] }, false);
  }

  #timeOf(message: IrcMessage): number {
    const said = Date.parse(message.tags?.get("time") ?? "");
    return Number.isNaN(said) ? this.#parts.now() : Math.min(said, this.#parts.now() + 60_000);
  }
}
