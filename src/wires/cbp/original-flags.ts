/**
 * The predecessor's command line (`cbp -l :9999 -r db:5432 -t 0.5`), turned into ours so that it can be started in its
 * place. Its flags take one dash or two and a value behind them or after `=`; its two switches take none.
 */
import { parseAddress } from "../../kit/config/address.ts";

/** Its switches: absent, or with `=true` and `=false`. */
const switches = new Set(["v"]);
/** What Go takes for yes and no. */
const yes = /^(?:1|t|T|true|True|TRUE)$/;
const no = /^(?:0|f|F|false|False|FALSE)$/;
const names = new Set([
  "l",
  "r",
  "t",
  "ms",
  "window-time",
  "window-buckets",
  "e",
  "statsd",
  "metric-base",
  "metric-name",
]);

/** Those whose values are numbers. */
const numeric = new Set(["t", "ms", "window-time", "window-buckets"]);

/** What of the machine decides. */
export interface FlagsWorld {
  /** Whether an address can be listened on now. */
  isFree(host: string, port: number): boolean;
}

/** The words of a command line in our own flags; unchanged when none is the predecessor's. */
export function turnFlags(words: readonly string[], world: FlagsWorld): string[] {
  const rest: string[] = [];
  const given = new Map<string, string>();
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const [, name = "", joined] = /^--?([a-z][a-z-]*)(?:=(.*))?$/s.exec(word) ?? [];
    const isOurs = word.startsWith("--") && (name === "window-buckets" || name === "statsd");
    if (switches.has(name) && (yes.test(joined ?? "true") || no.test(joined ?? ""))) given.set(name, joined ?? "true");
    else if (!names.has(name) || isOurs) rest.push(word);
    else given.set(name, joined ?? words[++at] ?? "");
  }
  // Our own flags of the same name mean the same, and say nothing about whose command line it is.
  if (given.size === 0) return [...words];
  const local = goAddress(given.get("l") ?? "localhost:9999");
  const out = ["--local", local, "--remote", goAddress(given.get("r") ?? "localhost:80"), "--must-resolve"];
  const put = (flag: string, name: string, unit = "") => {
    const value = given.get(name);
    if (value !== undefined && value !== "") out.push(flag, `${numeric.has(name) ? plainNumber(value) : value}${unit}`);
  };
  put("--failure-ratio", "t");
  put("--min-samples", "ms");
  put("--window", "window-time", "ms");
  put("--window-buckets", "window-buckets");
  put("--statsd", "statsd");
  put("--metric-base", "metric-base");
  put("--metric-name", "metric-name");
  if (yes.test(given.get("v") ?? "")) out.push("--verbose");
  if (!hasFlag(rest, "--listen")) out.push("--listen", listenAddress(given.get("e"), world));
  // It kept nothing, so several of them ran in one folder.
  if (!hasFlag(rest, "--data")) out.push("--data", `data/cbp-${local.slice(local.lastIndexOf(":") + 1)}`);
  return [...out, ...rest];
}

/** Go takes a number with a sign, from another base or without the zero before its point; what is none stays as it is. */
function plainNumber(text: string): string {
  const value = Number(text.replace(/^\+/, ""));
  return text.trim() === "" || Number.isNaN(value) ? text : String(value);
}

/** Where its figures are asked for. It went on without them when the address was taken; so does this, elsewhere. */
function listenAddress(wanted: string | undefined, world: FlagsWorld): string {
  const text = goAddress(wanted ?? "localhost:9998");
  try {
    const { host, port } = parseAddress(text);
    return world.isFree(host, port) ? text : "127.0.0.1:0";
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    return text;
  }
}

function hasFlag(words: readonly string[], flag: string): boolean {
  return words.some((word) => word === flag || word.startsWith(`${flag}=`));
}

/** Go listens everywhere when no host is named, and dials this machine. */
function goAddress(text: string): string {
  return text.startsWith(":") ? `0.0.0.0${text}` : text;
}
