/**
 * One line of IRC as a value: tags, source, command, parameters. What comes in is read leniently, what goes out is made
 * strictly: {@link formatMessage} never gives a line that is more than one, or longer than servers take.
 * Sources: RFC 2812, and the message-tags specification of IRCv3.
 */

/** One message. */
export interface IrcMessage {
  /** Unescaped values; a tag without a value has the empty text. */
  tags?: ReadonlyMap<string, string>;
  /** Who it is from: `nick!user@host` or the name of a server; only from servers. */
  source?: string;
  /** In capitals, or three digits. */
  command: string;
  params: readonly string[];
}

/** The parts of a source. */
export interface Mask {
  nick: string;
  user: string;
  host: string;
}

/** How long lines may be, in bytes, with what ends them. */
export interface LineLimits {
  /** Without tags. @default 512 */
  lineBytes?: number;
  /** From `@` to the blank behind the tags. @default 4096 */
  tagBytes?: number;
}

/** A line that would not be one message, or too long to be taken. */
export class IrcLineError extends Error {
  override readonly name = "IrcLineError";
}

/** Commands whose last parameter is words; a colon stands before it also where none is needed, as everybody writes it. */
const wordy = new Set(["PRIVMSG", "NOTICE", "RELAYMSG", "TOPIC", "QUIT"]);

const escapes: Readonly<Record<string, string>> = { ":": ";", s: " ", "\\": "\\", r: "\r", n: "\n" };
const escaped: Readonly<Record<string, string>> = { ";": "\\:", " ": "\\s", "\\": "\\\\", "\r": "\\r", "\n": "\\n" };

/** Reads a line without its end. Throws SyntaxError. */
export function parseMessage(line: string): IrcMessage {
  let rest = line.replace(/[\r\n]+$/, "");
  if (/[\0\r\n]/.test(rest)) throw refusal(line, "no NUL, CR or LF");
  let tags: Map<string, string> | undefined;
  if (rest.startsWith("@")) {
    const [word, after] = cut(rest);
    tags = parseTags(word.slice(1));
    rest = after;
  }
  let source: string | undefined;
  if (rest.startsWith(":")) {
    const [word, after] = cut(rest);
    source = word.slice(1);
    rest = after;
  }
  const [command, after] = cut(rest);
  if (!/^(?:[A-Za-z]+|\d{3})$/.test(command)) throw refusal(line, "a word or three digits as the command");
  rest = after;
  const params: string[] = [];
  while (rest !== "") {
    if (rest.startsWith(":")) {
      params.push(rest.slice(1));
      break;
    }
    const [word, more] = cut(rest);
    params.push(word);
    rest = more;
  }
  return {
    ...(tags ? { tags } : {}),
    ...(source === undefined ? {} : { source }),
    command: command.toUpperCase(),
    params,
  };
}

/** The line of a message, with CR and LF. Throws {@link IrcLineError}. */
export function formatMessage(message: IrcMessage, limits: LineLimits = {}): string {
  const { command, params, source, tags } = message;
  if (!/^(?:[A-Za-z]+|\d{3})$/.test(command)) throw new IrcLineError(`Cannot send the command "${command}"`);
  const parts: string[] = [];
  if (source !== undefined) parts.push(`:${middle(source)}`);
  parts.push(command);
  params.forEach((param, index) => {
    const isLast = index === params.length - 1;
    if (isLast && (wordy.has(command) || param === "" || param.includes(" ") || param.startsWith(":")))
      parts.push(`:${param}`);
    else parts.push(middle(param));
  });
  const line = parts.join(" ");
  if (/[\0\r\n]/.test(line)) throw new IrcLineError("Cannot send a message: NUL, CR and LF may not stand in it");
  const lineBytes = Buffer.byteLength(line) + 2;
  if (lineBytes > (limits.lineBytes ?? 512)) {
    throw new IrcLineError(`Cannot send a message of ${lineBytes} bytes: servers take ${limits.lineBytes ?? 512}`);
  }
  const head = tags && tags.size > 0 ? `@${formatTags(tags)} ` : "";
  if (Buffer.byteLength(head) > (limits.tagBytes ?? 4096)) throw new IrcLineError("Cannot send a message: long tags");
  return `${head}${line}\r\n`;
}

/** The parts of a source; of a server's name the host alone. */
export function parseMask(source: string | undefined): Mask {
  const [, nick = "", user = "", host = ""] = /^([^!@]*)(?:!([^@]*))?(?:@(.*))?$/s.exec(source ?? "") ?? [];
  return { nick, user, host };
}

function parseTags(text: string): Map<string, string> {
  const tags = new Map<string, string>();
  for (const part of text.split(";")) {
    if (part === "") continue;
    const at = part.indexOf("=");
    const key = at < 0 ? part : part.slice(0, at);
    const value = at < 0 ? "" : part.slice(at + 1);
    if (key === "") continue;
    tags.set(
      key,
      value.replaceAll(/\\(.?)/gs, (_, letter: string) => escapes[letter] ?? letter),
    );
  }
  return tags;
}

function formatTags(tags: ReadonlyMap<string, string>): string {
  return [...tags]
    .map(([key, value]) => {
      if (!/^\+?[A-Za-z0-9.\-/]+$/.test(key)) throw new IrcLineError(`Cannot send the tag "${key}"`);
      if (value.includes("\0")) throw new IrcLineError("Cannot send a tag with NUL in it");
      return value === "" ? key : `${key}=${value.replaceAll(/[; \\\r\n]/g, (letter) => escaped[letter] ?? letter)}`;
    })
    .join(";");
}

function middle(param: string): string {
  if (param === "" || param.includes(" ") || param.startsWith(":")) {
    throw new IrcLineError(
      `Cannot send "${param}": only the last parameter may be empty, hold blanks or begin with ":"`,
    );
  }
  return param;
}

/** The first word, and what follows the blanks behind it. */
function cut(text: string): [string, string] {
  const at = text.indexOf(" ");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at).replace(/^ +/, "")];
}

function refusal(line: string, wanted: string): SyntaxError {
  return new SyntaxError(`Cannot read the line ${JSON.stringify(line.slice(0, 100))}: wanted ${wanted}`);
}
