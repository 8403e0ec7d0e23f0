/**
 * The beginning of a connection: capabilities (CAP LS 302, and the news of them later), SASL, and a nick that is free. Also
 * keeps after the nick that was wanted. Without sockets and without time: lines go out by `send`, what it comes to is told.
 * Sources: IRCv3 capability-negotiation, sasl-3.2 and sts; RFC 2812 section 3.1.
 */
import type { EndReason } from "./event.ts";
import type { IrcMessage } from "./message.ts";
import { beginSasl, type Credentials, type SaslAttempt, saslPieces } from "./sasl.ts";

/** Who registers. */
export interface Identity {
  nick: string;
  /** Tried in order when the nick is taken, before signs are added to it. */
  alternates: readonly string[];
  user: string;
  realName: string;
  /** Of the server. */
  password?: string;
  credentials?: Credentials;
  /** Whether to go without signing in when that fails. */
  mustSignIn: boolean;
}

/** What the registration needs of its surroundings. */
export interface RegistrationParts {
  send(message: IrcMessage): void;
  end(why: EndReason, reason: string, port?: number): void;
  /** A number from 0 up to 1. */
  random(): number;
  /** The connection is encrypted. */
  isSecure: boolean;
}

/** Capabilities that are asked for where they are offered. */
export const wantedCapabilities: readonly string[] = [
  "account-notify",
  "account-tag",
  "batch",
  "cap-notify",
  "chghost",
  "draft/chathistory",
  "chathistory",
  "draft/relaymsg",
  "echo-message",
  "extended-join",
  "invite-notify",
  "labeled-response",
  "message-tags",
  "multi-prefix",
  "sasl",
  "server-time",
  "setname",
  "userhost-in-names",
];

const saslFailures = new Set(["902", "904", "905", "906", "908"]);
const nickFailures = new Set(["431", "432", "433", "436", "437"]);
const maxNickAttempts = 20;
/** Capabilities that are kept of what a server offers, or says it has switched on. */
const maxOffered = 200;

/** The course of one registration. */
export class Registration {
  readonly #identity: Identity;
  readonly #parts: RegistrationParts;
  readonly #offered = new Map<string, string>();
  readonly #enabled = new Set<string>();
  #requested = 0;
  #attempt: SaslAttempt | undefined;
  #challenge = "";
  #hasEnded = false;
  #nickAttempts = 0;
  #isDone = false;
  #nick: string;
  #account: string | undefined;

  constructor(identity: Identity, parts: RegistrationParts) {
    this.#identity = identity;
    this.#parts = parts;
    this.#nick = identity.nick;
  }

  /** The nick that is held, or asked for. */
  get nick(): string {
    return this.#nick;
  }

  set nick(nick: string) {
    this.#nick = nick;
  }

  /** Whether the server has let us in. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** The account we are signed in to. */
  get account(): string | undefined {
    return this.#account;
  }

  /** Whether a capability is in use. */
  has(capability: string): boolean {
    return this.#enabled.has(capability);
  }

  /** The value of a capability in use; empty for one without. */
  valueOf(capability: string): string | undefined {
    return this.#enabled.has(capability) ? (this.#offered.get(capability) ?? "") : undefined;
  }

  /** Those in use, in order. */
  get capabilities(): readonly string[] {
    return [...this.#enabled].toSorted();
  }

  /** Sends the first lines. */
  begin(): void {
    const { password, realName, user } = this.#identity;
    this.#send("CAP", "LS", "302");
    if (password !== undefined) this.#send("PASS", password);
    this.#send("NICK", this.#nick);
    this.#send("USER", user, "12", "*", realName);
  }

  /** Asks for the nick that was wanted, where another is held. */
  regain(): void {
    if (this.#isDone && this.#nick !== this.#identity.nick) this.#send("NICK", this.#identity.nick);
  }

  /** Takes a message; whether it was one of its own. */
  take(message: IrcMessage): boolean {
    const { command, params } = message;
    if (command === "CAP") this.#takeCapabilities(params);
    else if (command === "AUTHENTICATE") this.#takeChallenge(params[0] ?? "");
    else if (command === "900") this.#account = params[2];
    else if (command === "901") this.#account = undefined;
    else if (command === "903" || command === "907") this.#finishSasl();
    else if (saslFailures.has(command)) this.#failSasl(params.at(-1) ?? "refused");
    else if (command === "001") {
      this.#isDone = true;
      this.#nick = params[0] ?? this.#nick;
      return false;
    } else if (nickFailures.has(command) && !this.#isDone) this.#tryNextNick(params.at(-1) ?? "");
    else return nickFailures.has(command) && command !== "437";
    return true;
  }

  #takeCapabilities(params: readonly string[]): void {
    const [, verb = "", ...rest] = params;
    const words = (rest.at(-1) ?? "").split(" ").filter((word) => word !== "");
    switch (verb.toUpperCase()) {
      case "LS":
      case "NEW": {
        for (const word of words) this.#offer(word);
        if (rest.length > 1 && rest[0] === "*") return;
        if (this.#mustUpgrade()) return;
        this.#request();
        break;
      }
      case "ACK":
        this.#requested--;
        for (const word of words) {
          if (word.startsWith("-")) this.#enabled.delete(word.slice(1));
          else if (this.#enabled.size < maxOffered) this.#enabled.add(word.replace(/^[=~]+/, ""));
        }
        if (words.some((word) => word.endsWith("sasl")) && !this.#isDone) this.#startSasl();
        else this.#finish();
        break;
      case "NAK":
        this.#requested--;
        if (words.includes("sasl")) this.#failSasl("the server does not let anybody sign in");
        else this.#finish();
        break;
      case "DEL":
        for (const word of words) {
          this.#enabled.delete(word);
          this.#offered.delete(word);
        }
        break;
    }
  }

  #offer(word: string): void {
    const at = word.indexOf("=");
    if (this.#offered.size >= maxOffered) return;
    this.#offered.set(at < 0 ? word : word.slice(0, at), at < 0 ? "" : word.slice(at + 1));
  }

  /** A server that wants encryption says so; the unencrypted connection has no other use then. */
  #mustUpgrade(): boolean {
    if (this.#parts.isSecure) return false;
    const port = Number(/(?:^|,)port=(\d{1,5})(?:,|$)/.exec(this.#offered.get("sts") ?? "")?.[1]);
    if (!(port > 0 && port < 65_536)) return false;
    this.#parts.end("upgrade", `the server wants TLS, on port ${port}`, port);
    return true;
  }

  #request(): void {
    const { credentials } = this.#identity;
    const canSign = credentials !== undefined && this.#offersMechanism(credentials.mechanism);
    const wanted = wantedCapabilities.filter(
      (name) => this.#offered.has(name) && !this.#enabled.has(name) && (name !== "sasl" || canSign),
    );
    if (credentials !== undefined && !canSign && !this.#isDone) {
      if (this.#identity.mustSignIn) {
        this.#parts.end("refused", `the server offers no SASL ${credentials.mechanism}`);
        return;
      }
    }
    const plain = wanted.filter((name) => name !== "sasl");
    // Signing in is asked for by itself: a refusal is for all that was asked at once.
    for (const names of [...piecesOf(plain), ...(wanted.includes("sasl") ? ["sasl"] : [])]) {
      this.#requested++;
      this.#send("CAP", "REQ", names);
    }
    this.#finish();
  }

  #offersMechanism(mechanism: string): boolean {
    const said = this.#offered.get("sasl");
    return said !== undefined && (said === "" || said.toUpperCase().split(",").includes(mechanism));
  }

  #startSasl(): void {
    const { credentials } = this.#identity;
    if (!credentials) return;
    this.#attempt = beginSasl(credentials);
    this.#challenge = "";
    this.#send("AUTHENTICATE", credentials.mechanism);
  }

  #takeChallenge(piece: string): void {
    if (!this.#attempt) return;
    if (piece !== "+") this.#challenge += piece;
    if (this.#challenge.length > 20_000) {
      this.#challenge = "";
      this.#failSasl("the server's challenge is too long");
      return;
    }
    if (piece.length === 400) return;
    const challenge = Buffer.from(this.#challenge, "base64");
    this.#challenge = "";
    try {
      for (const part of saslPieces(this.#attempt.answer(challenge))) this.#send("AUTHENTICATE", part);
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      this.#attempt = undefined;
      this.#send("AUTHENTICATE", "*");
      this.#parts.end("refused", thrown.message);
    }
  }

  #finishSasl(): void {
    this.#attempt = undefined;
    this.#finish();
  }

  #failSasl(reason: string): void {
    if (this.#isDone) return;
    this.#attempt = undefined;
    if (this.#identity.mustSignIn) this.#parts.end("refused", `cannot sign in: ${reason}`);
    else this.#finish();
  }

  #finish(): void {
    if (this.#hasEnded || this.#isDone || this.#requested > 0 || this.#attempt) return;
    this.#hasEnded = true;
    this.#send("CAP", "END");
  }

  #tryNextNick(reason: string): void {
    const { alternates, nick } = this.#identity;
    const attempt = this.#nickAttempts++;
    if (attempt >= maxNickAttempts) {
      this.#parts.end("throttled", `no nick is free: ${reason}`);
      return;
    }
    const added = attempt - alternates.length + 1;
    const digits = String(Math.floor(this.#parts.random() * 900) + 100);
    // Longer than nine letters is cut or refused by some servers, and which one this is, is not known yet.
    this.#nick =
      alternates[attempt] ??
      (added <= 3 && nick.length + added <= 9 ? nick + "_".repeat(added) : nick.slice(0, 6) + digits);
    this.#send("NICK", this.#nick);
  }

  #send(command: string, ...params: string[]): void {
    this.#parts.send({ command, params });
  }
}

/** Names in texts that fit a line. */
function piecesOf(names: readonly string[]): string[] {
  const pieces: string[] = [];
  for (const name of names) {
    const last = pieces.at(-1);
    if (last !== undefined && last.length + name.length < 400) pieces[pieces.length - 1] = `${last} ${name}`;
    else pieces.push(name);
  }
  return pieces;
}
