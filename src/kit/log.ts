/**
 * The log: a constant message plus fields, one line an entry. JSON when the output is collected by a program,
 * aligned text when a person looks on. Repeats of one message are throttled and counted, so a failing disk cannot fill
 * another. Secrets never reach it: fields named like secrets are masked.
 */
import pino from "pino";

import type { Clock } from "./clock.ts";
import { reasonOf } from "./fault.ts";

/** Levels in rising order of weight. */
export const logLevels = ["debug", "info", "warn", "error"] as const;
/** One of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number];

/** Facts beside a message. */
export type LogFields = Record<string, unknown>;

/** Where a part of the program writes what happened. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose entries also carry `fields`. */
  child(fields: LogFields): Logger;
}

/** One entry as kept in memory for pages and printed by {@link formatEntry}. */
export interface LogEntry {
  /** Wall time, epoch ms. */
  at: number;
  level: LogLevel;
  message: string;
  fields: LogFields;
}

/** How entries leave the program. */
export interface LogOptions {
  level: LogLevel;
  format: "json" | "text";
  clock: Clock;
  /** Receives whole lines; the process's standard error by default. */
  write?: (line: string) => void;
  /** How many of the newest entries {@link Log.recent} keeps. @default 200 */
  keep?: number;
  /** The same message is written at most this often in {@link LogOptions.throttleMs}, whatever its fields. @default 20 */
  burst?: number;
  /** @default 10_000 */
  throttleMs?: number;
}

/** The root logger and its memory. */
export interface Log extends Logger {
  /** The newest entries, oldest first. */
  recent(): readonly LogEntry[];
}

const secretName = /secret|password|token|authorization|cookie|private.?key/i;

/** Fields fit to leave: secrets masked, Errors as text. Copies only what changes; nothing deeper than four levels is kept. */
function masked(fields: LogFields, depth = 0): LogFields {
  let result = fields;
  for (const [name, value] of Object.entries(fields)) {
    const safe = secretName.test(name) && value !== undefined && value !== "" ? "***" : presentable(value, depth);
    if (safe === value) continue;
    if (result === fields) result = { ...fields };
    result[name] = safe;
  }
  return result;
}

function presentable(value: unknown, depth: number): unknown {
  if (value instanceof Error) {
    const causes = value.cause === undefined ? "" : `\ncaused by ${reasonOf(value.cause)}`;
    return `${value.stack ?? value.message}${causes}`;
  }
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= 4) return "…";
  if (Array.isArray(value)) return value.map((element: unknown) => presentable(element, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return masked(value as LogFields, depth + 1);
}

/** The value as JSON. Never throws: what JSON cannot hold is described instead. */
function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch (thrown) {
    return JSON.stringify(`not shown: ${reasonOf(thrown)}`);
  }
}

/** One entry as a line for people: time, level, message, then `name=value` fields. Control characters are escaped. */
export function formatEntry(entry: LogEntry): string {
  const time = new Date(entry.at).toISOString().slice(11, 23);
  const fields = Object.entries(entry.fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === "string" && !/[\s"=]/.test(value) ? value : jsonOf(value)}`)
    .join(" ");
  const text = `${time} ${entry.level.padEnd(5)} ${entry.message}${fields ? `  ${fields}` : ""}`;
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    if (character === "\n") return "\\n";
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** Opens the log of a process. */
export function createLog(options: LogOptions): Log {
  const write = options.write ?? ((line: string) => process.stderr.write(line));
  const keep = options.keep ?? 200;
  const burst = options.burst ?? 20;
  const throttleMs = options.throttleMs ?? 10_000;
  const entries: LogEntry[] = [];
  const windows = new Map<string, { level: LogLevel; startedMs: number; count: number }>();
  const json = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":${options.clock.now()}`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  const threshold = logLevels.indexOf(options.level);

  const put = (level: LogLevel, message: string, fields: LogFields) => {
    const safe = masked(fields);
    if (options.format === "json") json[level](safe, message);
    else write(`${formatEntry({ at: options.clock.now(), level, message, fields: safe })}\n`);
    entries.push({ at: options.clock.now(), level, message, fields: safe });
    if (entries.length > keep) entries.shift();
  };

  /** Says how many repeats of a message were left out since its time began, if any. */
  const sayLeftOut = (message: string) => {
    const window = windows.get(message);
    windows.delete(message);
    if (window && window.count > burst)
      put(window.level, "Repeats were left out", { of: message, count: window.count - burst });
  };

  const emit = (level: LogLevel, message: string, fields: LogFields) => {
    if (logLevels.indexOf(level) < threshold) return;
    const nowMs = options.clock.monotonicMs();
    let window = windows.get(message);
    if (window && nowMs - window.startedMs >= throttleMs) {
      sayLeftOut(message);
      window = undefined;
    }
    if (window === undefined) {
      // Messages are constants, so the map stays small; the bound is for the day one is not.
      if (windows.size > 1000) windows.clear();
      window = { level, startedMs: nowMs, count: 0 };
      windows.set(message, window);
    }
    window.count++;
    if (window.count <= burst) put(level, message, fields);
    // Said when the time is over, for the message may not come again.
    else if (window.count === burst + 1) {
      const own = window;
      options.clock.schedule(throttleMs - (nowMs - window.startedMs), () => {
        if (windows.get(message) === own) sayLeftOut(message);
      });
    }
  };

  const loggerWith = (own: LogFields): Logger => ({
    debug: (message, fields) => emit("debug", message, { ...own, ...fields }),
    info: (message, fields) => emit("info", message, { ...own, ...fields }),
    warn: (message, fields) => emit("warn", message, { ...own, ...fields }),
    error: (message, fields) => emit("error", message, { ...own, ...fields }),
    child: (fields) => loggerWith({ ...own, ...fields }),
  });
  return { ...loggerWith({}), recent: () => entries };
}

/** A logger that keeps silent. */
export const silentLog: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};
