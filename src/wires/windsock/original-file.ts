/**
 * The predecessors' `windsock.json` and `broker.json`, and the words of their command lines, turned into options of this
 * program. Keys count in any case, as they did in Go, and those that nobody knows are passed over.
 */
import { existsSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";

import { Fault, reasonOf } from "../../kit/fault.ts";

/** What such a file may say. */
export interface OriginalFile {
  repsocket?: string;
  pubsocket?: string;
  reqsocket?: string;
  subsocket?: string;
  subkey?: string;
  secret?: string;
  websocketport?: string;
  certificate?: string;
  key?: string;
}

const known: readonly (keyof OriginalFile)[] = [
  "repsocket",
  "pubsocket",
  "reqsocket",
  "subsocket",
  "subkey",
  "secret",
  "websocketport",
  "certificate",
  "key",
];

/** Reads a file. Fault `windsock/original-config` (invalid), which never quotes what stands in it. */
export function readOriginalFile(path: string): OriginalFile {
  let raw: unknown;
  try {
    raw = JSON.parse(readFileSync(path, "utf8"));
  } catch (thrown) {
    const reason = thrown instanceof SyntaxError ? "it is no JSON" : reasonOf(thrown);
    throw new Fault("invalid", "windsock/original-config", `Cannot use "${path}": ${reason}`, { cause: thrown });
  }
  const file: OriginalFile = {};
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    throw new Fault("invalid", "windsock/original-config", `Cannot use "${path}": wanted a JSON object`);
  }
  for (const [key, value] of Object.entries(raw)) {
    const name = known.find((one) => one === key.toLowerCase());
    if (name === undefined) continue;
    if (typeof value !== "string") {
      throw new Fault("invalid", "windsock/original-config", `Cannot use "${path}": wanted text as ${key}`);
    }
    file[name] = value;
  }
  return file;
}

/** What the predecessor took in one message; its broker, whatever came. */
const longMessages = usually("windsock.max_message=32MiB");

/** The words for a value that counts where neither a flag, nor the environment, nor the file says another one. */
function usually(setting: string): string[] {
  return ["--set-default", setting];
}

/** All of the machine's own addresses, of both families where it has both, as in Go. */
function everywhere(): string {
  const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ family }) => family === "IPv6"));
  return hasIpv6 ? "[::]" : "0.0.0.0";
}

/** The words of this program for a file. */
function wordsOf(file: OriginalFile, role: "windsock" | "broker", anyHost: () => string): string[] {
  const set = (key: string, value: string | undefined) =>
    value === undefined || value === "" ? [] : ["--set", `windsock.${key}=${value}`];
  if (role === "broker") {
    const sockets = [...set("rep_socket", file.repsocket), ...set("pub_socket", file.pubsocket)];
    return ["--role", role, ...sockets, ...longMessages];
  }
  const port = file.websocketport ?? "";
  const hasTls = (file.certificate ?? "") !== "" && (file.key ?? "") !== "";
  return [
    "--role",
    role,
    ...set("req_socket", file.reqsocket),
    ...set("sub_socket", file.subsocket),
    ...set("sub_key", file.subkey),
    ...(port === "" ? [] : ["--listen", port.startsWith(":") ? `${anyHost()}${port}` : port]),
    ...(hasTls ? ["--tls-certificate", file.certificate ?? "", "--tls-key", file.key ?? ""] : []),
    ...longMessages,
  ];
}

/**
 * `warren windsock broker …` and `warren windsock -config windsock.json` in this program's own words; others unchanged.
 * Where no file is named, the one that the predecessor looked for is taken if it is there. `anyHost` is what stands for
 * all addresses of the machine.
 */
export function originalFlags(words: readonly string[], anyHost: () => string = everywhere): string[] {
  const isBroker = words[0] === "broker";
  const role = isBroker ? "broker" : "windsock";
  const rest = isBroker ? words.slice(1) : [...words];
  const out: string[] = [];
  let named: string | undefined;
  for (let at = 0; at < rest.length; at++) {
    const word = rest[at] ?? "";
    const [, joined] = /^--?config(?:=(.*))?$/s.exec(word) ?? [word];
    const isConfig = /^--?config(?:=|$)/.test(word);
    const path = joined ?? rest[at + 1] ?? "";
    // Two dashes are this program's own too, for a file that is no JSON.
    if (!isConfig || (word.startsWith("--") && !path.endsWith(".json"))) {
      out.push(word);
      continue;
    }
    named = path;
    if (joined === undefined) at++;
  }
  const usual = `./${role}.json`;
  const path = named ?? (existsSync(usual) ? usual : undefined);
  // Both may run side by side from one folder.
  const own = isBroker ? [...usually("node.data=./data-broker"), ...usually("node.listen=127.0.0.1:4102")] : [];
  if (path === undefined) {
    if (!isBroker) return out;
    // A socket that is said anywhere takes the place of the usual one, which is open to every machine.
    const sockets = [...usually("windsock.rep_socket=tcp://*:5555"), ...usually("windsock.pub_socket=tcp://*:5556")];
    return ["--role", role, ...sockets, ...longMessages, ...own, ...out];
  }
  try {
    // Its secret is read at the start, for secrets are not taken on command lines.
    return [...wordsOf(readOriginalFile(path), role, anyHost), "--original-config", path, ...own, ...out];
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    // Told by the start, as every other reason why it cannot be.
    return ["--original-config", path, ...own, ...out];
  }
}
