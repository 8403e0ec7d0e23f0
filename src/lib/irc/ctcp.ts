/** What stands between two 0x01 in a message: questions of client to client, and `/me`. */

/** One of them. */
export interface Ctcp {
  /** In capitals. */
  command: string;
  text: string;
}

const sign = "\u0001";

/** Reads the text of a message; undefined when it is words for people. The last 0x01 may be missing. */
export function parseCtcp(text: string): Ctcp | undefined {
  if (!text.startsWith(sign)) return undefined;
  const end = text.indexOf(sign, 1);
  const inner = text.slice(1, end < 0 ? undefined : end);
  const [, command, rest = ""] = /^([A-Za-z]+)(?: (.*))?$/s.exec(inner) ?? [];
  return command === undefined ? undefined : { command: command.toUpperCase(), text: rest };
}

/** The text of a message. What may not stand in it is left out. */
export function formatCtcp(command: string, text: string): string {
  const clean = text.replaceAll(/[\0\r\n]/g, "").replaceAll(sign, "");
  return `${sign}${command}${clean === "" ? "" : ` ${clean}`}${sign}`;
}
