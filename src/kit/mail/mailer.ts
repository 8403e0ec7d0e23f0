/**
 * Hands mail to a server, one message a connection, whole or not at all. The words of whoever refused are kept, secrets
 * taken out; what is worth trying again is told from what is not by the Fault's kind. Leaves out queues and retries,
 * which belong to whoever has something to say. Source: RFC 5321, 3207, 4954, 3834.
 */
import type { SMTPSentMessageInfo, SMTPTransportOptions, Transporter } from "nodemailer";

import type { Clock } from "../clock.ts";
import { Fault, reasonOf } from "../fault.ts";
import { type MailAddress, oneLine, parseMailAddress } from "./address.ts";
import { clearLogin, type MailRelay } from "./relay.ts";

/** A picture that the HTML part shows by `cid:<id>`. */
export interface MailPicture {
  /** Letters, digits, dots and dashes. */
  id: string;
  /** Shown where the picture cannot be, and as the file's name. */
  title: string;
  mediaType: string;
  bytes: Uint8Array;
}

/** A message. */
export interface MailMessage {
  from: string;
  to: readonly string[];
  subject: string;
  text: string;
  html?: string;
  pictures?: readonly MailPicture[];
  /** The same for the same message however often it is sent; becomes the local part of the Message-ID. */
  id: string;
  /** Epoch ms. */
  createdAt: number;
  /** Beside the usual ones; names are fixed by the caller, values may hold anything. */
  headers?: Readonly<Record<string, string>>;
}

/** What became of a message that was taken for at least one recipient. */
export interface MailReceipt {
  accepted: readonly string[];
  /** Those the server refused, with its words; `isFinal` where it will refuse again. */
  rejected: readonly { address: string; reason: string; isFinal: boolean }[];
  /** The server's last words. */
  response: string;
}

/** Hands mail to a server. */
export interface Mailer {
  /**
   * Faults: `mail/address` and `mail/clear-login` (invalid: not sent), `mail/refused` (invalid: the server will not have
   * it), `mail/deferred`, `mail/unreachable`, `mail/tls` and `mail/cut` (unavailable), `mail/login` (unauthorized),
   * `mail/late` (timeout).
   */
  send(message: MailMessage, signal?: AbortSignal): Promise<MailReceipt>;
}

const usualTimeoutMs = 30_000;
const headerMaxLength = 400;

type Transport = Transporter<SMTPSentMessageInfo, SMTPTransportOptions>;

/** A mailer that uses `relay`. Connections are made when there is something to send. */
export function createMailer(relay: MailRelay, { clock }: { clock: Clock }): Mailer {
  const timeoutMs = relay.timeoutMs ?? usualTimeoutMs;
  const { host, login, port } = relay;
  const options: SMTPTransportOptions = {
    host,
    port,
    secure: relay.security === "tls",
    requireTLS: relay.security === "starttls",
    ignoreTLS: relay.security === "none",
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    // Nothing is read from files or URLs, whatever a message says.
    disableFileAccess: true,
    disableUrlAccess: true,
    logger: false,
    allowInternalNetworkInterfaces: true,
    ...(relay.heloName === undefined ? {} : { name: relay.heloName }),
    ...(login === undefined ? {} : { auth: { user: login.user, pass: login.password } }),
    tls: {
      rejectUnauthorized: relay.verifyTls ?? true,
      minVersion: "TLSv1.2",
      ...(relay.ca === undefined ? {} : { ca: relay.ca }),
    },
  };
  const mask = masking(relay);
  // The library takes 20 MiB and a tenth of a second: it is loaded when there is a first mail.
  let loading: Promise<Transport> | undefined;
  const transport = (): Promise<Transport> => {
    loading ??= import("nodemailer").then(({ createTransport }) => createTransport(options));
    return loading;
  };

  return {
    async send(message, signal) {
      const clear = clearLogin(relay);
      if (clear !== undefined) throw new Fault("invalid", "mail/clear-login", clear);
      const from = requireAddress(message.from);
      const to = message.to.map(requireAddress);
      if (to.length === 0) throw new Fault("invalid", "mail/address", "Cannot send a mail: it has no recipient");
      const ending = new AbortController();
      const late = new Fault("timeout", "mail/late", `The mail server did not finish within ${timeoutMs} ms`);
      const cancel = clock.schedule(timeoutMs, () => ending.abort(late));
      const leave = () => ending.abort(signal?.reason);
      if (signal?.aborted) leave();
      signal?.addEventListener("abort", leave, { once: true });
      try {
        const sent = await (await transport()).sendMail({ ...mailOf(message, from, to), signal: ending.signal });
        const rejected = (sent.rejectedErrors ?? []).map((thrown, position) => ({
          address: sent.rejected[position] ?? "",
          reason: mask(wordsOf(thrown)),
          isFinal: statusOf(thrown) >= 500,
        }));
        return { accepted: sent.accepted, rejected, response: mask(oneLine(sent.response)) };
      } catch (thrown) {
        if (signal?.aborted) throw signal.reason;
        if (ending.signal.aborted) throw late;
        throw faultOf(thrown, mask, `${host}:${port}`);
      } finally {
        cancel();
        signal?.removeEventListener("abort", leave);
      }
    },
  };
}

/** The message as the library wants it. */
function mailOf(message: MailMessage, from: MailAddress, to: readonly MailAddress[]) {
  const domain = from.address.slice(from.address.lastIndexOf("@") + 1);
  return {
    from,
    to: [...to],
    subject: shortened(message.subject),
    text: message.text,
    // Neither long lines nor trailing spaces may be touched on the way, and links must stay whole.
    encoding: "quoted-printable",
    messageId: `<${message.id.replace(/[^\w.+-]/g, "-")}@${domain}>`,
    date: new Date(message.createdAt),
    headers: {
      // A machine wrote it: neither absence notes nor other machines should answer.
      "Auto-Submitted": "auto-generated",
      "X-Auto-Response-Suppress": "All",
      ...Object.fromEntries(Object.entries(message.headers ?? {}).map(([name, value]) => [name, shortened(value)])),
    },
    ...(message.html === undefined ? {} : { html: message.html }),
    attachments: (message.pictures ?? []).map(({ bytes, id, mediaType, title }) => ({
      cid: id,
      content: Buffer.from(bytes),
      contentType: mediaType,
      contentDisposition: "inline",
      filename: `${oneLine(title).replace(/[^\p{L}\p{N} .-]/gu, "-")}.${mediaType.replace(/^.*\/|\+.*$/g, "")}`,
    })),
  };
}

/** Text for a header. A word without spaces cannot be folded, and servers refuse lines of more than 998 bytes. */
function shortened(text: string): string {
  const line = oneLine(text.toWellFormed());
  if (line.length <= headerMaxLength) return line;
  return `${line.slice(0, headerMaxLength).replace(/[\ud800-\udbff]$/, "")}…`;
}

function requireAddress(text: string): MailAddress {
  const parsed = parseMailAddress(text);
  if (parsed) return parsed;
  throw new Fault(
    "invalid",
    "mail/address",
    `Cannot send a mail with the address "${oneLine(text).slice(0, 200)}": wanted one such as ops@example.org`,
  );
}

/** Takes what must stay secret out of what a server or the library said. */
function masking({ login }: MailRelay): (text: string) => string {
  if (!login || login.password === "") return (text) => text;
  const { password, user } = login;
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const secrets = [password, base64(password), base64(`\0${user}\0${password}`), encodeURIComponent(password)];
  return (text) => secrets.reduce((masked, secret) => masked.replaceAll(secret, "***"), text);
}

const property = (thrown: unknown, name: string): unknown =>
  typeof thrown === "object" && thrown !== null ? Reflect.get(thrown, name) : undefined;

/** The server's status, 0 where it said none. */
function statusOf(thrown: unknown): number {
  const status = property(thrown, "responseCode");
  return typeof status === "number" ? status : 0;
}

/** The server's own words, or else what the library says. */
function wordsOf(thrown: unknown): string {
  const response = property(thrown, "response");
  return oneLine(typeof response === "string" && response !== "" ? response : reasonOf(thrown)).slice(0, 300);
}

function faultOf(thrown: unknown, mask: (text: string) => string, server: string): Fault {
  const code = String(property(thrown, "code") ?? "");
  const status = statusOf(thrown);
  const words = mask(wordsOf(thrown));
  // No cause: the library's error may hold what was sent, the password with it.
  if (code === "EAUTH" || code === "ENOAUTH" || status === 530) {
    return new Fault("unauthorized", "mail/login", `The mail server ${server} did not accept the login: ${words}`);
  }
  if (code === "ETLS" || (status === 0 && /certificate|tls|ssl|handshake/i.test(`${code} ${words}`))) {
    return new Fault("unavailable", "mail/tls", `No private connection to the mail server ${server}: ${words}`);
  }
  // Who is turned away at the door, before a word about the mail, may be let in later.
  if (status >= 500 && code === "EPROTOCOL")
    return new Fault("unavailable", "mail/deferred", `The mail server ${server} takes no mail now: ${words}`);
  if (status >= 500) return new Fault("invalid", "mail/refused", `The mail server ${server} refused: ${words}`);
  if (status >= 400) return new Fault("unavailable", "mail/deferred", `The mail server ${server} said: ${words}`);
  if (code === "ETIMEDOUT") return new Fault("timeout", "mail/late", `The mail server ${server} was silent: ${words}`);
  if (code === "ECONNECTION" || code === "EPROTOCOL") {
    return new Fault("unavailable", "mail/cut", `The mail server ${server} ended the conversation: ${words}`);
  }
  return new Fault("unavailable", "mail/unreachable", `The mail server ${server} could not be reached: ${words}`);
}
